#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
/* 2 features of 2 places: sums[feature] of x, sums[4 + feature] of z. */
static void dot_two_@S@(const @X@ *x, const @X@ *z, const int8_t *w, int32_t length, const int32_t *bias, int32_t *sums)
{
    const @X@ *const end = x + length;
    int32_t a = bias[0], b = bias[1];
    int32_t e = a, f = b;
    while (x != end) {
@CHUNK@
        x += 4;
        z += 4;
        w += 16;
    }
    sums[0] = a;
    sums[1] = b;
    sums[4] = e;
    sums[5] = f;
}

static void dot_@S@(const @X@ *x, const @X@ *z, const int8_t *w, int32_t length, const int32_t *bias, int32_t *sums)
{
    dot_two_@S@(x, z, w, length, bias, sums);
    dot_two_@S@(x, z, &w[8], length, &bias[2], &sums[2]);
}
#else
@PLAIN@#endif
