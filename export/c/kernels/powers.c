/* Sums of two squares, each of a convolution in whole numbers. Where the weights mirror around the middle of a place of
   ``fold`` numbers, its halves are added for the first convolution and subtracted for the other: half the products. */
static void powers(const shape *s, const small *x, const int16_t *weights, int32_t bins, int32_t length, int32_t fold,
                   real *y, real *first, real *other)
{
    const int32_t apart = ((bins + 3) / 4) * 4 * length;
    const int32_t half = fold / 2;
    int16_t even[@FOLD@] = {0};
    int16_t odd[@FOLD@] = {0};
    for (int32_t p = 0; p < s->columns; p++) {
        const small *const seen = &x[p * s->stride_across * s->channels];
        for (int32_t i = 1; i < half; i++) {
            even[i - 1] = (int16_t)(seen[i] + seen[fold - i]);
            odd[i - 1] = (int16_t)(seen[i] - seen[fold - i]);
        }
        if (half > 0) {
            even[half - 1] = seen[half];
        }
        for (int32_t k = 0; k < bins; k += 4) {
            int32_t sums[8];
            whole_dots((half > 0) ? even : seen, &weights[k * length], length, sums);
            whole_dots((half > 0) ? odd : seen, &weights[apart + (k * length)], length, &sums[4]);
            for (int32_t i = 0; (i < 4) && ((k + i) < bins); i++) {
                const float one = (float)sums[i];
                const float two = (float)sums[4 + i];
                const int32_t at = (p * bins) + k + i;
                y[at] = (one * one) + (two * two);
                if (first != 0) {
                    first[at] = one;
                    other[at] = two;
                }
            }
        }
    }
}
