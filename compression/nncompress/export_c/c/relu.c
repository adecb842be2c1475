/* A ReLU as a step of its own: no number below Z, which stands for the real 0. */
static void relu(int32_t n, uint8_t Z, const uint8_t *x, uint8_t *y)
{
    for (int32_t k = 0; k < n; k++)
        y[k] = x[k] < Z ? Z : x[k];
}
