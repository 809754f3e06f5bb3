/* What a place of a convolution over time sees: one run of (time, channels), at the ends copied and padded. */
static const @X@ *look_@S@(const shape *s, const @X@ *x, int32_t place, @X@ *padded)
{
    const int32_t at = (place * s->stride_across) - s->left;
    const @X@ *found = padded;
    if ((at >= 0) && (at <= (s->width - s->across))) {
        found = &x[at * s->channels];
    } else if (padded != 0) {
        const int32_t from = (at < 0) ? -at : 0;
        const int32_t to = ((at + s->across) <= s->width) ? s->across : (s->width - at);
        (void)memset(padded, s->pad, (size_t)(s->across * s->channels));
        if (to > from) {
            (void)memcpy(&padded[from * s->channels], &x[(at + from) * s->channels],
                         (size_t)((to - from) * s->channels));
        }
    } else {
        /* the generator reserves room wherever a place reaches out */
    }
    return found;
}
