/* Convolution over time, then the largest of every ``size`` places: sums are compared before they become bytes. */
static void pooled_@S@_@R@(const linear *l, const shape *s, const @X@ *x, @Y@ *y, @X@ *padded, int32_t size, @Y@ *every)
{
    const @X@ *seen[@POOL@] = {0};
    for (int32_t q = 0; q < (s->columns / size); q++) {
        const int8_t *w = l->weights;
        for (int32_t j = 0; j < size; j++) {
            seen[j] = look_@S@(s, x, (q * size) + j, (padded == 0) ? 0 : &padded[j * l->length]);
        }
        for (int32_t at = 0; at < l->features; at += 4) {
            int32_t most[4] = {INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN};
            for (int32_t j = 0; j < size; j += 2) {
                const int32_t k = ((j + 1) < size) ? (j + 1) : j;
                int32_t sums[8];
                dot_@S@(seen[j], seen[k], w, l->length, &l->bias[at], sums);
                for (int32_t i = 0; i < 4; i++) {
                    const int32_t more = (sums[i] > sums[4 + i]) ? sums[i] : sums[4 + i];
                    most[i] = (more > most[i]) ? more : most[i];
                }
#ifdef @TRACE@
                leave_@S@_@R@(l, at, sums, &every[((q * size) + j) * l->features]);
                leave_@S@_@R@(l, at, &sums[4], &every[((q * size) + k) * l->features]);
#endif
            }
            leave_@S@_@R@(l, at, most, &y[q * l->features]);
            w += 4 * l->length;
        }
    }
#ifdef @TRACE@
    for (int32_t p = (s->columns / size) * size; p < s->columns; p++) {
        place_@S@_@R@(l, look_@S@(s, x, p, padded), &every[p * l->features]);
    }
#endif
    (void)every;
}
