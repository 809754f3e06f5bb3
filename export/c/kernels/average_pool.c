/* Mean of each channel over (height, width, channels); ``every``: what lies outside counts as zeros. */
static void average_pool(const shape *s, const real *x, real *y, int32_t every)
{
    for (int32_t p = 0; p < (s->rows * s->columns); p++) {
        const int32_t top = ((p / s->columns) * s->stride_down) - s->top;
        const int32_t left = ((p % s->columns) * s->stride_across) - s->left;
        for (int32_t c = 0; c < s->channels; c++) {
            float sum = 0.0f;
            int32_t count = 0;
            for (int32_t tap = 0; tap < (s->down * s->across); tap++) {
                const int32_t i = top + (tap / s->across);
                const int32_t j = left + (tap % s->across);
                if ((i >= 0) && (i < s->height) && (j >= 0) && (j < s->width)) {
                    sum += x[(((i * s->width) + j) * s->channels) + c];
                    count++;
                }
            }
            y[(p * s->channels) + c] = sum / (float)((every != 0) ? (s->down * s->across) : count);
        }
    }
}
