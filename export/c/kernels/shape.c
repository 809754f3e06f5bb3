typedef struct {
    int32_t height, width, channels; /* of the source */
    int32_t rows, columns;           /* of the target */
    int32_t down, across;            /* of the kernel */
    int32_t stride_down, stride_across;
    int32_t top, left;               /* of the padding */
    int32_t groups, block;           /* block: features of a group, rounded up to 4 */
    int32_t pad;                     /* the byte that stands for zero */
} shape;
