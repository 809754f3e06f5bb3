/* One arena holds numbers of several types, one after the other: the compiler must not tell them apart by type. */
#if defined(__GNUC__)
typedef float real __attribute__((__may_alias__));
typedef int32_t whole __attribute__((__may_alias__));
typedef int16_t small __attribute__((__may_alias__));
#else
typedef float real;
typedef int32_t whole;
typedef int16_t small;
#endif
