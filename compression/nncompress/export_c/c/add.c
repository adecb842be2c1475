/* The sum of two results:  q = clamp(Z + M3 (M1 (x1 - Z1) 2^20 + M2 (x2 - Z2) 2^20), low, high) */
typedef struct {
    int32_t n;
    int32_t M0[3], shift[3];
    int32_t Z1, Z2, Z, low, high;
} add_step;

static void add(const add_step *s, const uint8_t *x1, const uint8_t *x2, uint8_t *y)
{
    const int32_t one = (int32_t)1 << 20;
    for (int32_t k = 0; k < s->n; k++) {
        int64_t sum = multiply((x1[k] - s->Z1) * one, s->M0[0], s->shift[0])
                      + multiply((x2[k] - s->Z2) * one, s->M0[1], s->shift[1]);
        y[k] = clamp(s->Z + multiply(sum, s->M0[2], s->shift[2]), s->low, s->high);
    }
}
