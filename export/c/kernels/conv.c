/* Convolution over time, two places at once; ``padded`` holds two. */
static void conv_@S@_@R@(const linear *l, const shape *s, const @X@ *x, @Y@ *y, @X@ *padded)
{
    int32_t p = 0;
    while ((p + 1) < s->columns) {
        const @X@ *const first = look_@S@(s, x, p, padded);
        const @X@ *const second = look_@S@(s, x, p + 1, (padded == 0) ? 0 : &padded[l->length]);
        places_@S@_@R@(l, first, second, &y[p * l->features], &y[(p + 1) * l->features]);
        p += 2;
    }
    if (p < s->columns) {
        place_@S@_@R@(l, look_@S@(s, x, p, padded), &y[p * l->features]);
    }
}
