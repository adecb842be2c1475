/* A convolution:  y[o, i, j] = b[o] + sum over c, u, v of (x[c, i stride + u dilation - pad, ...] - Z) w[o, c, u, v].
 * Outside the image x stands for the real 0, so these products are left out. Output o reads `channels` channels, those of its
 * group.
 */
typedef struct {
    rows rows;
    law law;
    int32_t H, W, Z;                   /* rows and columns of x; the integer that stands for the real 0 */
    int32_t channels, group;           /* input channels that an output reads; outputs that read the same ones */
    int32_t kernel[2], stride[2], pad[2], dilation[2];
    int32_t out[2];                    /* rows and columns of the result */
    int32_t pool[2], pool_stride[2];   /* a max-pooling that follows, whose results these are; 1, 1 without any */
} conv2d_step;

/* The sum at row i, column j of the convolution's own result; x begins with the channels that the output reads. */
static int64_t conv2d_sum(const conv2d_step *s, const uint8_t *x, const int8_t *w, int32_t i, int32_t j)
{
    int32_t sum = 0;
    for (int32_t c = 0; c < s->channels; c++, x += s->H * s->W)
        for (int32_t u = 0; u < s->kernel[0]; u++, w += s->kernel[1]) {
            int32_t row = i * s->stride[0] + u * s->dilation[0] - s->pad[0];
            if (row < 0 || row >= s->H)
                continue;
            for (int32_t v = 0; v < s->kernel[1]; v++) {
                int32_t column = j * s->stride[1] + v * s->dilation[1] - s->pad[1];
                if (column >= 0 && column < s->W)
                    sum += (int16_t)(x[row * s->W + column] - s->Z) * w[v];
            }
        }
    return sum;
}

/* The first of the channels that output o reads. */
static const uint8_t *conv2d_input(const conv2d_step *s, const uint8_t *x, int32_t o)
{
    return x + o / s->group * s->channels * s->H * s->W;
}
