/* 4 features of 1 place. */
static @INLINE@void dot_one_@S@(const @X@ *x, const int8_t *w, int32_t length, const int32_t *bias, int32_t *sums)
{
    const @X@ *const end = x + length;
    int32_t a = bias[0], b = bias[1], c = bias[2], d = bias[3];
    while (x != end) {
@CHUNK@
        x += 4;
        w += 16;
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}
