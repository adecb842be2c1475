static uint8_t clamp(int64_t q, int32_t low, int32_t high)
{
    return (uint8_t)(q < low ? low : q > high ? high : q);
}
