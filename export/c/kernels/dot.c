/* 4 features of 2 places: sums[feature] of x, sums[4 + feature] of z. */
static void dot_@S@(const @X@ *x, const @X@ *z, const int8_t *w, int32_t length, const int32_t *bias, int32_t *sums)
{
    const @X@ *const end = x + length;
    int32_t a = bias[0], b = bias[1], c = bias[2], d = bias[3];
    int32_t e = a, f = b, g = c, h = d;
    while (x != end) {
@CHUNK@
        x += 4;
        z += 4;
        w += 16;
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
    sums[4] = e;
    sums[5] = f;
    sums[6] = g;
    sums[7] = h;
}
