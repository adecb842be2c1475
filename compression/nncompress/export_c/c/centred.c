/* The logits of a network that ends in 8 bits: Z stands for the real 0. */
static void centred(int32_t n, int32_t Z, const uint8_t *x, int32_t *logits)
{
    for (int32_t k = 0; k < n; k++)
        logits[k] = x[k] - Z;
}
