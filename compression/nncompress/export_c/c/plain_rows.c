/* The weights of a layer: one row for each output. They are read from where the linker puts constants: from flash. */
typedef struct {
    int32_t count, size;  /* rows, and weights in each */
    const int8_t *w;
    const int32_t *b;
} rows;

/* Row o of the weights, and the bias of output o. */
static const int8_t *next_row(const rows *r, int32_t o, int32_t *bias)
{
    *bias = r->b[o];
    return r->w + o * r->size;
}
