/* Largest of each channel over (height, width, channels); what lies outside does not count. */
static void max_pool_@S@(const shape *s, const @X@ *x, @X@ *y)
{
    for (int32_t p = 0; p < (s->rows * s->columns); p++) {
        const int32_t top = ((p / s->columns) * s->stride_down) - s->top;
        const int32_t left = ((p % s->columns) * s->stride_across) - s->left;
        const int32_t i_end = ((top + s->down) < s->height) ? (top + s->down) : s->height;
        const int32_t j_end = ((left + s->across) < s->width) ? (left + s->across) : s->width;
        const int32_t i_start = (top < 0) ? 0 : top;
        const int32_t j_start = (left < 0) ? 0 : left;
        for (int32_t c = 0; c < s->channels; c++) {
            @X@ most = x[(((i_start * s->width) + j_start) * s->channels) + c];
            for (int32_t i = i_start; i < i_end; i++) {
                const @X@ *seen = &x[(((i * s->width) + j_start) * s->channels) + c];
                for (int32_t j = j_start; j < j_end; j++) {
                    most = (*seen > most) ? *seen : most;
                    seen += s->channels;
                }
            }
            y[(p * s->channels) + c] = most;
        }
    }
}
