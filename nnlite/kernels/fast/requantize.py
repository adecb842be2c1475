"""The three requantization laws for a register full of numbers at once, to be called inside compiled loops.

The bits are those of `loops/requantize.py`, which has the formulas and their sources.
x, q1, q2, M0, left, right and total are vectors of int32 (`nnlite.kernels.simd.vector`), M of float32; Z, low and high plain
numbers.
"""

from typing import NamedTuple

from nnlite.kernels.loops.requantize import ADD_LEFT_SHIFT, INT32_MAX, INT32_MIN
from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.simd.vector import at_least, at_most, narrow, nearest, real, spread, wide

HALF = 2**30                # half of 2^31


class Range(NamedTuple):
    """What a result can be: its zero point Z, and low ≤ q ≤ high."""

    Z: int
    low: float
    high: int


class Factors(NamedTuple):
    """A bias and a `Law` as addresses of their first numbers, 0 for an array that is empty."""

    b: int
    M0: int
    left: int
    right: int
    M: int
    total: int


@inner_kernel
def clamp(x, low, high):
    """min(max(x, low), high)"""
    return at_most(at_least(x, low), high)


# ---- the float law


@inner_kernel
def round_and_clamp(y, Z, low, high):
    """q = Z + round(clamp(y, low − Z, high − Z)), halves to even.   y float32 -> int32"""
    return nearest(clamp(y, low - Z, high - Z)) + Z


@inner_kernel
def requantize_float(acc, M, Z, low, high):
    """q = Z + round(clamp(float32(acc) · M, low − Z, high − Z))   acc int32 or int64"""
    return round_and_clamp(real(acc) * M, Z, low, high)


@inner_kernel
def add_float(q1, q2, Z1, Z2, M1, M2, Z3, low, high):
    """q3 = Z3 + round(clamp((q1 − Z1) M1 + (q2 − Z2) M2, low − Z3, high − Z3))"""
    return round_and_clamp(real(q1 - Z1) * M1 + real(q2 - Z2) * M2, Z3, low, high)


# ---- the fixed law: M = M0/2^31 · 2^left / 2^right, where left or right is 0


@inner_kernel
def rounding_divide_by_power_of_two(x, n):
    """x / 2^n to the nearest integer, halves away from zero.

    Comparisons are made with the sign bit: x >> 31 is −1 where x < 0 and 0 elsewhere.
    """
    mask = (spread(n, 1) << n) - 1
    threshold = (mask >> 1) - (x >> 31)                 # + 1 where x < 0
    return (x >> n) - (threshold - (x & mask) >> 31)    # + 1 where the remainder is above the threshold


@inner_kernel
def rounding_doubling_high_multiply(x, M0):
    """⌊(x M0 + 2^30) / 2^31⌋ for M0 ≥ 0, which never saturates.

    One addition and one shift do what gemmlowp's nudge of either sign and truncating division do: for x M0 < 0,
    ⌈(x M0 + 1 − 2^30) / 2^31⌉ = ⌊(x M0 + 2^30) / 2^31⌋.
    """
    return narrow(wide(x) * wide(M0) + HALF >> 31)


@inner_kernel
def shift_left(x, left):
    """x · 2^left, no more than int32 holds.   x int64 -> int32"""
    return narrow(clamp(x << wide(left), INT32_MIN, INT32_MAX))


@inner_kernel
def multiply(x, M0, right):
    """x · M0 / 2^31 / 2^right, rounded twice."""
    return rounding_divide_by_power_of_two(rounding_doubling_high_multiply(x, M0), right)


@inner_kernel
def requantize_fixed(x, M0, right, Z, low, high):
    """q = clamp(Z + x · M0 / 2^31 / 2^right, low, high) for x already shifted left"""
    return clamp(multiply(x, M0, right), low - Z, high - Z) + Z


@inner_kernel
def multiply_once(x, M0, total):
    """x · M0 / 2^total, rounded once, halves up."""
    n = wide(total)
    return narrow(wide(x) * wide(M0) + (spread(n, 1) << n - 1) >> n)


@inner_kernel
def requantize_once(x, M0, total, Z, low, high):
    """q = clamp(Z + x · M0 / 2^total, low, high) for x already shifted left"""
    return clamp(multiply_once(x, M0, total), low - Z, high - Z) + Z


@inner_kernel
def add_fixed(q1, q2, Z1, Z2, M0, right, Z3, low, high):
    """q3 = clamp(Z3 + M3 · (M1 · (q1 − Z1) 2^20 + M2 · (q2 − Z2) 2^20), low, high)   M0, right arrays (3,); left is 0"""
    x1 = multiply(q1 - Z1 << ADD_LEFT_SHIFT, spread(q1, M0[0]), spread(q1, right[0]))
    x2 = multiply(q2 - Z2 << ADD_LEFT_SHIFT, spread(q1, M0[1]), spread(q1, right[1]))
    return requantize_fixed(x1 + x2, spread(q1, M0[2]), spread(q1, right[2]), Z3, low, high)


@inner_kernel
def add_once(q1, q2, Z1, Z2, M0, total, Z3, low, high):
    """`add_fixed` with one rounding for each product.   M0, total arrays (3,); left is 0"""
    x1 = multiply_once(q1 - Z1 << ADD_LEFT_SHIFT, spread(q1, M0[0]), spread(q1, total[0]))
    x2 = multiply_once(q2 - Z2 << ADD_LEFT_SHIFT, spread(q1, M0[1]), spread(q1, total[1]))
    return requantize_once(x1 + x2, spread(q1, M0[2]), spread(q1, total[2]), Z3, low, high)
