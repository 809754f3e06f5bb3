/* sum * scale in float32, clamped, rounded half to even: adding 1.5 * 2^23 leaves the whole number in the low bits. */
static inline int32_t requantize(int32_t sum, float scale, float low, float high, int32_t zero)
{
    uint32_t bits;
    float value = (float)sum * scale;
    value = (value > low) ? value : low;
    value = (value < high) ? value : high;
    value += 12582912.0f;
    (void)memcpy(&bits, &value, sizeof bits);
    return (int32_t)(bits - 0x4B400000u) + zero;
}
