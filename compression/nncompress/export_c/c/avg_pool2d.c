/* The mean of each window: its sum, and the factor of a window in which so many places count. */
typedef struct {
    law law;           /* one factor for all windows, or one for each number of places, 1, 2, ... */
    int32_t C, H, W, Z;
    int32_t kernel[2], stride[2], pad[2], out[2];
    int32_t count_pad;  /* whether places in the border count, as zeros */
} avg_pool2d_step;

/* How many of a window's places count along one axis: axis 0 are the rows, 1 the columns. */
static int32_t counted(const avg_pool2d_step *s, int axis, int32_t i)
{
    int32_t size = axis == 0 ? s->H : s->W, start = i * s->stride[axis] - s->pad[axis], end = start + s->kernel[axis];
    int32_t border = s->count_pad ? s->pad[axis] : 0;
    end = end > size + border ? size + border : end;
    return end - (start < -border ? -border : start);
}

static void avg_pool2d(const avg_pool2d_step *s, const uint8_t *x, uint8_t *y)
{
    for (int32_t c = 0; c < s->C; c++, x += s->H * s->W)
        for (int32_t i = 0; i < s->out[0]; i++)
            for (int32_t j = 0; j < s->out[1]; j++) {
                int32_t sum = 0;
                for (int32_t u = 0; u < s->kernel[0]; u++)
                    for (int32_t v = 0; v < s->kernel[1]; v++) {
                        int32_t row = i * s->stride[0] + u - s->pad[0], column = j * s->stride[1] + v - s->pad[1];
                        if (row >= 0 && row < s->H && column >= 0 && column < s->W)
                            sum += x[row * s->W + column] - s->Z;
                    }
                *y++ = requantize(&s->law, counted(s, 0, i) * counted(s, 1, j) - 1, sum);
            }
}
