/* Convolution over time in whole numbers; weights as int8 ones are packed; length: inputs of a feature as packed. */
static void whole_conv(const shape *s, const small *x, const int16_t *weights, int32_t features, int32_t length, real *y)
{
    for (int32_t p = 0; p < s->columns; p++) {
        for (int32_t f = 0; f < features; f += 4) {
            int32_t sums[4];
            whole_dots(&x[p * s->stride_across * s->channels], &weights[f * length], length, sums);
            for (int32_t i = 0; (i < 4) && ((f + i) < features); i++) {
                y[(p * features) + f + i] = (real)sums[i];
            }
        }
    }
}
