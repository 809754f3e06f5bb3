/* 4 features of one place in whole numbers: no sum reaches 2^24, so float32 would make the same of it. */
static void whole_dots(const small *x, const int16_t *w, int32_t length, int32_t *sums)
{
    const small *const end = x + length;
    int32_t a = 0, b = 0, c = 0, d = 0;
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
