/* All features of two places. */
static void places_@S@_@R@(const linear *l, const @X@ *x, const @X@ *z, @Y@ *y, @Y@ *v)
{
    int32_t sums[8];
    const int8_t *w = l->weights;
    for (int32_t at = 0; at < l->features; at += 4) {
        dot_@S@(x, z, w, l->length, &l->bias[at], sums);
        leave_@S@_@R@(l, at, sums, y);
        leave_@S@_@R@(l, at, &sums[4], v);
        w += 4 * l->length;
    }
}
