/* Convolution of each channel by itself over (height, width, channels); weights (taps, channels), 4 channels at once. */
static void depthwise_@S@_@R@(const linear *l, const shape *s, const @X@ *x, @Y@ *y, @X@ *padded)
{
    const @X@ *rows[@TAPS@] = {0};
    if (padded != 0) {
        (void)memset(padded, s->pad, (size_t)s->channels);
    }
    for (int32_t p = 0; p < (s->rows * s->columns); p++) {
        const int32_t top = ((p / s->columns) * s->stride_down) - s->top;
        const int32_t left = ((p % s->columns) * s->stride_across) - s->left;
        for (int32_t tap = 0; tap < l->length; tap++) {
            const int32_t i = top + (tap / s->across);
            const int32_t j = left + (tap % s->across);
            const int32_t inside = (i >= 0) && (i < s->height) && (j >= 0) && (j < s->width);
            rows[tap] = (inside != 0) ? &x[((i * s->width) + j) * s->channels] : padded;
        }
        for (int32_t at = 0; at < l->features; at += 4) {
            int32_t sums[4];
            int32_t a = l->bias[at], b = l->bias[at + 1], c = l->bias[at + 2], d = l->bias[at + 3];
            const int8_t *w = &l->weights[at * l->length];
            for (int32_t tap = 0; tap < l->length; tap++) {
                const @X@ *const row = &rows[tap][at];
                a += (int32_t)row[0] * w[0];
                b += (int32_t)row[1] * w[1];
                c += (int32_t)row[2] * w[2];
                d += (int32_t)row[3] * w[3];
                w += 4;
            }
            sums[0] = a;
            sums[1] = b;
            sums[2] = c;
            sums[3] = d;
            leave_@S@_@R@(l, at, sums, &y[p * l->features]);
        }
    }
}
