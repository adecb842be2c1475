"""The two requantization laws for one number, to be called inside Numba loops.

Twins of the `*_reference` functions in `requantize`, equal to them bit for bit; formulas and sources stand there. They
work on plain numbers: LLVM inlines them into the calling loop and vectorizes it. A difference of two uint8 is unsigned
in Numba and would wrap around, so one of the two is made wider first.

After a change of this file delete ~/.cache/nnlite: the compiled loops of `int8_kernels` would not notice it.
"""

import numpy as np
from numba import njit

from nncompress.quantization.requantize import ADD_LEFT_SHIFT, INT32_MAX, INT32_MIN

HALF = 2**30                # half of 2^31


@njit(cache=True)
def clamp(x, low, high):
    """min(max(x, low), high)"""
    return min(max(x, low), high)


# ---- the float law


@njit(cache=True)
def round_and_clamp(y, Z, low, high):
    """q = Z + round(clamp(y, low − Z, high − Z)), halves to even.   y float32 -> int32"""
    y = clamp(y, np.float32(np.int32(low) - Z), np.float32(np.int32(high) - Z))
    return np.int32(np.rint(y)) + Z


@njit(cache=True)
def requantize_float(acc, M, Z, low, high):
    """q = Z + round(clamp(float32(acc) · M, low − Z, high − Z))"""
    return round_and_clamp(np.float32(acc) * np.float32(M), Z, low, high)


@njit(cache=True)
def add_float(q1, q2, Z1, Z2, M1, M2, Z3, low, high):
    """q3 = Z3 + round(clamp((q1 − Z1) M1 + (q2 − Z2) M2, low − Z3, high − Z3))"""
    y1 = np.float32(np.int32(q1) - Z1) * np.float32(M1)
    y2 = np.float32(np.int32(q2) - Z2) * np.float32(M2)
    return round_and_clamp(y1 + y2, Z3, low, high)


# ---- the fixed law


@njit(cache=True)
def rounding_divide_by_power_of_two(x, n):
    """x / 2^n to the nearest integer, halves away from zero."""
    mask = (np.int64(1) << n) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> n) + ((x & mask) > threshold)


@njit(cache=True)
def saturating_rounding_doubling_high_multiply(a, b):
    """min(⌊(a b + 2^30) / 2^31⌋, 2^31 − 1)

    One addition and one shift do what gemmlowp's nudge of either sign and truncating division do: for a b < 0,
    ⌈(a b + 1 − 2^30) / 2^31⌉ = ⌊(a b + 2^30) / 2^31⌋.
    """
    return min((np.int64(a) * np.int64(b) + HALF) >> 31, INT32_MAX)


@njit(cache=True)
def multiply_by_quantized_multiplier(x, M0, shift):
    """x · M0 / 2^31 · 2^shift in integers: shift left, multiply and round, shift right and round."""
    shift = np.int64(shift)
    shifted = clamp(np.int64(x) << max(shift, 0), INT32_MIN, INT32_MAX)
    return rounding_divide_by_power_of_two(saturating_rounding_doubling_high_multiply(shifted, M0), max(-shift, 0))


@njit(cache=True)
def requantize_fixed(acc, M0, shift, Z, low, high):
    """q = clamp(Z + acc · M0 / 2^31 · 2^shift, low, high)"""
    return clamp(multiply_by_quantized_multiplier(acc, M0, shift) + Z, low, high)


@njit(cache=True)
def add_fixed(q1, q2, Z1, Z2, M0, shift, Z3, low, high):
    """q3 = clamp(Z3 + M3 · (M1 · (q1 − Z1) 2^20 + M2 · (q2 − Z2) 2^20), low, high)"""
    x1 = (np.int64(q1) - Z1) << ADD_LEFT_SHIFT
    x2 = (np.int64(q2) - Z2) << ADD_LEFT_SHIFT
    total = (multiply_by_quantized_multiplier(x1, M0[0], shift[0])
             + multiply_by_quantized_multiplier(x2, M0[1], shift[1]))
    return requantize_fixed(total, M0[2], shift[2], Z3, low, high)
