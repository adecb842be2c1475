"""The two requantization laws for a register full of numbers, to be called inside Numba loops.

Twins of the `*_reference` functions in `requantize`, equal to them bit for bit; formulas and sources stand there. acc, q1, q2,
M0 and shift are vectors of int32 (`nnlite.kernels.vector`), M of float32; Z, low and high plain numbers.

The integer law asks for comparisons in two places. They are written with the sign bit, which needs no branch: for int64,
x >> 63 is −1 where x < 0 and 0 elsewhere.

After a change of this file delete ~/.cache/nnlite: the compiled loops of `int8_kernels` would not notice it.
"""

from numba import njit

from nncompress.quantization.requantize import ADD_LEFT_SHIFT, INT32_MAX, INT32_MIN
from nnlite.kernels.vector import larger, narrow, nearest, real, smaller, spread, wide

HALF = 2**30                # half of 2^31


@njit(cache=True)
def clamp(x, low, high):
    """min(max(x, low), high)"""
    return smaller(larger(x, low), high)


# ---- the float law


@njit(cache=True)
def round_and_clamp(y, Z, low, high):
    """q = Z + round(clamp(y, low − Z, high − Z)), halves to even.   y float32 -> int32"""
    return nearest(clamp(y, low - Z, high - Z)) + Z


@njit(cache=True)
def requantize_float(acc, M, Z, low, high):
    """q = Z + round(clamp(float32(acc) · M, low − Z, high − Z))"""
    return round_and_clamp(real(acc) * M, Z, low, high)


@njit(cache=True)
def add_float(q1, q2, Z1, Z2, M1, M2, Z3, low, high):
    """q3 = Z3 + round(clamp((q1 − Z1) M1 + (q2 − Z2) M2, low − Z3, high − Z3))"""
    return round_and_clamp(real(q1 - Z1) * M1 + real(q2 - Z2) * M2, Z3, low, high)


# ---- the fixed law


@njit(cache=True)
def rounding_divide_by_power_of_two(x, n):
    """x / 2^n to the nearest integer, halves away from zero.   x, n int64"""
    mask = (spread(n, 1) << n) - 1
    threshold = (mask >> 1) - (x >> 63)           # + 1 where x < 0
    return (x >> n) - (threshold - (x & mask) >> 63)    # + 1 where the remainder is above the threshold


@njit(cache=True)
def saturating_rounding_doubling_high_multiply(a, b):
    """min(⌊(a b + 2^30) / 2^31⌋, 2^31 − 1)   a, b int32 -> int64

    One addition and one shift do what gemmlowp's nudge of either sign and truncating division do: for a b < 0,
    ⌈(a b + 1 − 2^30) / 2^31⌉ = ⌊(a b + 2^30) / 2^31⌋.
    """
    return smaller(wide(a) * wide(b) + HALF >> 31, INT32_MAX)


@njit(cache=True)
def multiply_by_quantized_multiplier(x, M0, shift):
    """x · M0 / 2^31 · 2^shift in integers: shift left, multiply and round, shift right and round.   x int64"""
    shift = wide(shift)
    shifted = narrow(clamp(x << larger(shift, 0), INT32_MIN, INT32_MAX))
    return rounding_divide_by_power_of_two(saturating_rounding_doubling_high_multiply(shifted, M0), larger(shift * -1, 0))


@njit(cache=True)
def requantize_fixed(acc, M0, shift, Z, low, high):
    """q = clamp(Z + acc · M0 / 2^31 · 2^shift, low, high)   acc int64 -> int32"""
    return narrow(clamp(multiply_by_quantized_multiplier(acc, M0, shift) + Z, low, high))


@njit(cache=True)
def add_fixed(q1, q2, Z1, Z2, M0, shift, Z3, low, high):
    """q3 = clamp(Z3 + M3 · (M1 · (q1 − Z1) 2^20 + M2 · (q2 − Z2) 2^20), low, high)   M0, shift arrays (3,)"""
    x1, x2 = wide(q1 - Z1) << ADD_LEFT_SHIFT, wide(q2 - Z2) << ADD_LEFT_SHIFT
    total = (multiply_by_quantized_multiplier(x1, spread(q1, M0[0]), spread(q1, shift[0]))
             + multiply_by_quantized_multiplier(x2, spread(q1, M0[1]), spread(q1, shift[1])))
    return requantize_fixed(total, spread(q1, M0[2]), spread(q1, shift[2]), Z3, low, high)
