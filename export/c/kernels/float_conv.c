/* 4 features of one place: what it sees is one run of memory, and each feature's sum keeps its order. */
static void float_dots(const real *x, const real *w, int32_t apart, int32_t length, real *sums)
{
    const real *const w1 = w + apart;
    const real *const w2 = w1 + apart;
    const real *const w3 = w2 + apart;
    real a = sums[0], b = sums[1], c = sums[2], d = sums[3];
    for (int32_t i = 0; i < length; i++) {
        const real seen = x[i];
        a += seen * w[i];
        b += seen * w1[i];
        c += seen * w2[i];
        d += seen * w3[i];
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* Convolution in float over (height, width, channels); weights (features, taps, channels of a group). */
static void float_conv(const shape *s, const real *x, const real *weights, const real *bias, int32_t features,
                       real *y)
{
    const int32_t inside = s->channels / s->groups;
    const int32_t beside = features / s->groups;
    const int32_t apart = s->down * s->across * inside;
    for (int32_t p = 0; p < (s->rows * s->columns); p++) {
        const int32_t top = ((p / s->columns) * s->stride_down) - s->top;
        const int32_t left = ((p % s->columns) * s->stride_across) - s->left;
        const int32_t from = (left < 0) ? -left : 0;
        const int32_t to = ((left + s->across) < s->width) ? s->across : (s->width - left);
        int32_t f = 0;
        for (; (s->groups == 1) && ((f + 4) <= features); f += 4) {
            real *const sums = &y[(p * features) + f];
            for (int32_t i = 0; i < 4; i++) {
                sums[i] = 0.0f;
            }
            for (int32_t k = 0; k < s->down; k++) {
                if (((top + k) >= 0) && ((top + k) < s->height)) {
                    float_dots(&x[(((top + k) * s->width) + left + from) * inside],
                               &weights[(f * apart) + (((k * s->across) + from) * inside)], apart,
                               (to - from) * inside, sums);
                }
            }
            for (int32_t i = 0; i < 4; i++) {
                sums[i] += (bias == 0) ? 0.0f : bias[f + i];
            }
        }
        for (; f < features; f++) {
            const real *const own = &weights[f * apart];
            float sum = 0.0f;
            for (int32_t k = 0; k < s->down; k++) {
                if (((top + k) >= 0) && ((top + k) < s->height)) {
                    const real *w = &own[((k * s->across) + from) * inside];
                    const real *seen = &x[((((top + k) * s->width) + left + from) * s->channels) + ((f / beside) * inside)];
                    for (int32_t j = from; j < to; j++) {
                        for (int32_t c = 0; c < inside; c++) {
                            sum += seen[c] * w[c];
                        }
                        seen += s->channels;
                        w += inside;
                    }
                }
            }
            y[(p * features) + f] = sum + ((bias == 0) ? 0.0f : bias[f]);
        }
    }
}
