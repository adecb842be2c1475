/* A convolution as the last layer: its sums are the logits. */
static void conv2d_logits(const conv2d_step *s, const uint8_t *x, int32_t *logits)
{
    for (int32_t o = 0; o < s->rows.count; o++) {
        int32_t bias;
        const int8_t *w = next_row(&s->rows, o, &bias);
        for (int32_t i = 0; i < s->out[0]; i++)
            for (int32_t j = 0; j < s->out[1]; j++)
                *logits++ = (int32_t)(conv2d_sum(s, conv2d_input(s, x, o), w, i, j) + bias);
    }
}
