/* The largest number of each window; places outside the image do not count. */
typedef struct {
    int32_t C, H, W;
    int32_t kernel[2], stride[2], pad[2], out[2];
} max_pool2d_step;

static void max_pool2d(const max_pool2d_step *s, const uint8_t *x, uint8_t *y)
{
    for (int32_t c = 0; c < s->C; c++, x += s->H * s->W)
        for (int32_t i = 0; i < s->out[0]; i++)
            for (int32_t j = 0; j < s->out[1]; j++) {
                uint8_t most = 0;
                for (int32_t u = 0; u < s->kernel[0]; u++)
                    for (int32_t v = 0; v < s->kernel[1]; v++) {
                        int32_t row = i * s->stride[0] + u - s->pad[0], column = j * s->stride[1] + v - s->pad[1];
                        if (row >= 0 && row < s->H && column >= 0 && column < s->W && x[row * s->W + column] > most)
                            most = x[row * s->W + column];
                    }
                *y++ = most;
            }
}
