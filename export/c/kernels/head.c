typedef struct {
    const int8_t *weights;  /* blocks of 4 features, in each chunks of 4 inputs, in each chunk feature by feature */
    const int32_t *bias;    /* the source's zero point is folded in */
    const @SCALE@ *scale;   /* of each feature; null where sums leave as they are */
    int32_t zero;           /* of the target's grid */
    @LIMIT@ low;              /* least target byte, less zero */
    @LIMIT@ high;             /* largest target byte, less zero */
    int32_t features;
    int32_t length;         /* inputs of one feature, a multiple of 4 */
} linear;
