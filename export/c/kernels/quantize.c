/* The nearest whole number, half to even, less zero within low to high; what is not a number becomes low. */
static int32_t quantize(float value, float scale, int32_t zero, int32_t least, int32_t largest)
{
    const float low = (float)(least - zero);
    const float high = (float)(largest - zero);
    float found = value / scale;
    found = (found > low) ? found : low;
    found = (found < high) ? found : high;
    return (int32_t)((found + 12582912.0f) - 12582912.0f) + zero;
}
