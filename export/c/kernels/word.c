#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
static uint32_t word(const void *bytes)
{
    uint32_t found;
    (void)memcpy(&found, bytes, sizeof found);
    return found;
}

/* Bytes 1 and 3, widened: one instruction, for which arm_acle.h has no name. */
static inline uint32_t odd_u8(uint32_t bytes)
{
    uint32_t found;
    __asm__("uxtb16 %0, %1, ror #8" : "=r"(found) : "r"(bytes));
    return found;
}

static inline uint32_t odd_s8(uint32_t bytes)
{
    uint32_t found;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(found) : "r"(bytes));
    return found;
}
#endif
