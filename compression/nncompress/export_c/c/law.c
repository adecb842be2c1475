/* How the sums of a step become 8 bits:  q = clamp(Z + M sum, low, high),  M = M0 / 2^31 * 2^shift. */
typedef struct {
    const int32_t *M0;
    const int8_t *shift;
    int32_t count;   /* of the factors M: 1 for all sums, or one for each output */
    int32_t Z;         /* the integer that stands for the real 0 */
    int32_t low, high; /* the least result, Z after a ReLU, else 0; the largest, 255 where results have 8 bits */
} law;
