/* A linear layer:  y[o] = b[o] + sum over k of (x[k] - Z) w[o, k] */
typedef struct {
    rows rows;
    law law;
    int32_t Z;  /* the integer that stands for the real 0 in x */
} linear_step;

static int64_t linear_sum(const linear_step *s, const uint8_t *x, int32_t o)
{
    int32_t bias, sum = 0;
    const int8_t *w = next_row(&s->rows, o, &bias);
    for (int32_t k = 0; k < s->rows.size; k++)
        sum += (int16_t)(x[k] - s->Z) * w[k];
    return (int64_t)sum + bias;
}
