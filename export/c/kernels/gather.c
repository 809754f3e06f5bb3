/* Convolution over (height, width, channels) in groups: what a place sees is gathered first. */
static void gather_@S@_@R@(const linear *l, const shape *s, const @X@ *x, @Y@ *y, @X@ *seen)
{
    const int32_t inside = s->channels / s->groups;
    for (int32_t p = 0; p < (s->rows * s->columns); p++) {
        const int32_t top = ((p / s->columns) * s->stride_down) - s->top;
        const int32_t left = ((p % s->columns) * s->stride_across) - s->left;
        for (int32_t g = 0; g < s->groups; g++) {
            linear part = *l;
            for (int32_t tap = 0; tap < (s->down * s->across); tap++) {
                const int32_t i = top + (tap / s->across);
                const int32_t j = left + (tap % s->across);
                if ((i >= 0) && (i < s->height) && (j >= 0) && (j < s->width)) {
                    (void)memcpy(&seen[tap * inside], &x[(((i * s->width) + j) * s->channels) + (g * inside)],
                                 (size_t)inside);
                } else {
                    (void)memset(&seen[tap * inside], s->pad, (size_t)inside);
                }
            }
            part.weights = &l->weights[g * s->block * l->length];
            part.bias = &l->bias[g * s->block];
            part.scale = (l->scale == 0) ? 0 : &l->scale[g * s->block];
            place_@S@_@R@(&part, seen, &y[((p * s->groups) + g) * l->features]);
        }
    }
}
