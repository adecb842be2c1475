/* A convolution, and the max-pooling that follows: each result is the largest of a window of the convolution's own. */
static void conv2d(const conv2d_step *s, const uint8_t *x, uint8_t *y)
{
    for (int32_t o = 0; o < s->rows.count; o++) {
        int32_t bias;
        const int8_t *w = next_row(&s->rows, o, &bias);
        for (int32_t i = 0; i < s->out[0]; i++)
            for (int32_t j = 0; j < s->out[1]; j++) {
                uint8_t most = 0;
                for (int32_t u = 0; u < s->pool[0]; u++)
                    for (int32_t v = 0; v < s->pool[1]; v++) {
                        int64_t sum = conv2d_sum(s, conv2d_input(s, x, o), w, i * s->pool_stride[0] + u,
                                                 j * s->pool_stride[1] + v);
                        uint8_t q = requantize(&s->law, o, sum + bias);
                        most = q > most ? q : most;
                    }
                *y++ = most;
            }
    }
}
