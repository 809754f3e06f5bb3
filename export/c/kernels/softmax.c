static void softmax(const real *x, real *y, int32_t rows, int32_t length)
{
    for (int32_t row = 0; row < rows; row++) {
        const real *const from = &x[row * length];
        real *const to = &y[row * length];
        float most = from[0];
        float sum = 0.0f;
        for (int32_t i = 1; i < length; i++) {
            most = (from[i] > most) ? from[i] : most;
        }
        for (int32_t i = 0; i < length; i++) {
            to[i] = expf(from[i] - most);
            sum += to[i];
        }
        for (int32_t i = 0; i < length; i++) {
            to[i] /= sum;
        }
    }
}
