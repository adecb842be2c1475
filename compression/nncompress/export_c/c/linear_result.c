static void linear(const linear_step *s, const uint8_t *x, uint8_t *y)
{
    for (int32_t o = 0; o < s->rows.count; o++)
        y[o] = requantize(&s->law, o, linear_sum(s, x, o));
}
