/* All features of one place. */
static @INLINE@void place_@S@_@R@(const linear *l, const @X@ *x, @Y@ *y)
{
    int32_t sums[4];
    const int8_t *w = l->weights;
    for (int32_t at = 0; at < l->features; at += 4) {
        dot_one_@S@(x, w, l->length, &l->bias[at], sums);
        leave_@S@_@R@(l, at, sums, y);
        w += 4 * l->length;
    }
}
