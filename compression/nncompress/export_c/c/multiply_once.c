/* x M0 / 2^31 * 2^shift in integers, rounded once at the end, halves up. */
static int64_t multiply(int64_t x, int32_t M0, int shift)
{
    int n = shift < 0 ? 31 - shift : 31;
    if (shift > 0)
        x *= (int64_t)1 << shift;
    x = x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : x;
    return shift_right(x * M0 + ((int64_t)1 << (n - 1)), n);
}
