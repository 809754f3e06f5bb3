/* Sums over time of (time, channels), weighted by (features, time) or, without weights, by one. */
static void total_@S@_@R@(const linear *l, const @X@ *x, int32_t time, int32_t channels, @Y@ *y)
{
    for (int32_t c = 0; c < channels; c++) {
        for (int32_t feature = 0; feature < l->features; feature++) {
            const int8_t *const w = (l->weights == 0) ? 0 : &l->weights[feature * time];
            const @X@ *seen = &x[c];
            int32_t sum = l->bias[feature];
            for (int32_t t = 0; t < time; t++) {
                sum += (w == 0) ? (int32_t)*seen : ((int32_t)*seen * w[t]);
                seen += channels;
            }
            y[(c * l->features) + feature] = (@Y@)@LEAVE@;
        }
    }
}
