static void leave_@S@_sums(const linear *l, int32_t at, const int32_t *sums, whole *y)
{
    const int32_t left = l->features - at;
    const int32_t count = (left < 4) ? left : 4;
    for (int32_t i = 0; i < count; i++) {
        y[at + i] = sums[i];
    }
}
