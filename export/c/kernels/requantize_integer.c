static int32_t width(uint64_t value)
{
    int32_t bits = 0;
#if defined(__GNUC__)
    const uint32_t high = (uint32_t)(value >> 32);
    const uint32_t low = (uint32_t)value;
    if (high != 0u) {
        bits = 64 - __builtin_clz(high);
    } else if (low != 0u) {
        bits = 32 - __builtin_clz(low);
    } else {
        bits = 0;
    }
#else
    while ((value >> bits) != 0u) {
        bits++;
    }
#endif
    return bits;
}

/* value / 2^places, half to even; 1 <= places <= 32, value < 2^63. */
static uint64_t halve(uint64_t value, int32_t places)
{
    const uint64_t half = (uint64_t)1 << (places - 1);
    return ((value + (half - 1u)) + ((value >> places) & 1u)) >> places;
}

/* What float32 gives, step by step in integers: the sum in 24 bits, the product in 24 bits, then a whole number. */
static int32_t requantize(int32_t sum, uint32_t scale, int32_t low, int32_t high, int32_t zero)
{
    /* scale: the bits of a positive float32 */
    int32_t down = 150 - (int32_t)(scale >> 23);
    uint64_t value = (sum < 0) ? (0u - (uint32_t)sum) : (uint32_t)sum;
    int32_t excess = width(value) - 24;
    int32_t whole = 0;
    if (excess > 0) {
        value = halve(value, excess);
        down -= excess;
    }
    value *= (uint64_t)((scale & 0x7FFFFFu) | 0x800000u);
    excess = width(value) - 24;
    if (excess > 0) {
        value = halve(value, excess);
        down -= excess;
    }
    if (down > 25) {
        value = 0u;
    } else if (down > 0) {
        value = halve(value, down);
    } else {
        value <<= (down < -8) ? 8 : -down;
    }
    whole = (int32_t)((value > 0xFFFFu) ? 0xFFFFu : value);
    whole = (sum < 0) ? -whole : whole;
    whole = (whole > low) ? whole : low;
    whole = (whole < high) ? whole : high;
    return whole + zero;
}
