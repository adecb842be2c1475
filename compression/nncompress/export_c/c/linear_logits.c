/* The last layer: its sums are the logits. */
static void linear_logits(const linear_step *s, const uint8_t *x, int32_t *logits)
{
    for (int32_t o = 0; o < s->rows.count; o++)
        logits[o] = (int32_t)linear_sum(s, x, o);
}
