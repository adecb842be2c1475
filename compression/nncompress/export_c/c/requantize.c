/* The result of a sum; k numbers the factor, where there is more than one. */
static uint8_t requantize(const law *l, int32_t k, int64_t sum)
{
    k = l->count == 1 ? 0 : k;
    return clamp(l->Z + multiply(sum, l->M0[k], l->shift[k]), l->low, l->high);
}
