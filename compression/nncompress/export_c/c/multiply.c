/* x M0 / 2^31 * 2^shift in integers: rounded after the product (halves up), and after the shift (halves away from 0). */
static int64_t multiply(int64_t x, int32_t M0, int shift)
{
    if (shift > 0)
        x *= (int64_t)1 << shift;
    x = x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : x;
    x = shift_right(x * M0 + ((int64_t)1 << 30), 31);
    if (shift < 0) {
        int64_t half = (int64_t)1 << (-shift - 1);
        x = x < 0 ? -((half - x) >> -shift) : (x + half) >> -shift;
    }
    return x;
}
