static void leave_@S@_bytes(const linear *l, int32_t at, const int32_t *sums, uint8_t *y)
{
    const int32_t left = l->features - at;
    const int32_t count = (left < 4) ? left : 4;
    const @SCALE@ *const scale = &l->scale[at];
    const @LIMIT@ low = l->low;
    const @LIMIT@ high = l->high;
    const int32_t zero = l->zero;
    for (int32_t i = 0; i < count; i++) {
        y[at + i] = (uint8_t)requantize(sums[i], scale[i], low, high, zero);
    }
}
