/* floor(x / 2^n), also for x < 0, where C leaves open what >> does. */
static int64_t shift_right(int64_t x, int n)
{
    return x < 0 ? ~(~x >> n) : x >> n;
}
