"""Requantization: from an int32 accumulator back to an 8-bit integer, by three laws.

A layer multiplies integers and sums them in int32. That sum counts in steps of S1·S2 (input times weight); the output
counts in steps of S3. Hence

    q3 = Z3 + round(M · acc), clamped to [low, high]        acc = Σ (q1 − Z1)(q2 − Z2) + bias        M = S1 S2 / S3

M is a real number, almost always between 0 and 1. The laws multiply by it in different ways:

* `float`: in float32, rounding halves to even. This is ONNX Runtime's law.
* `fixed`: in integers only, M = M0/2^31 · 2^shift with an int32 M0. This is the law of gemmlowp and TensorFlow Lite. It
  rounds twice (after the multiplication, then after the shift), so it may be one step away from the float law.
* `once`: in integers, with the same M0 and shift, but rounded once, at the end. TensorFlow Lite computes so when it is built
  with TFLITE_SINGLE_ROUNDING.

The float law equals ONNX Runtime bit for bit; a test checks this if ONNX Runtime is installed. The two others follow TensorFlow
Lite's reference kernels operation by operation. This file has the formulas in NumPy (`…_formula`), then the
same for single numbers. The parameters M, M0 and shift are chosen in `nncompress/int8/requantize.py`.
[low, high] is the output type's range or a part of it: with low = Z3, clamping is also the ReLU.

Source: Jacob et al. 2018 (arXiv 1712.05877), eq. 4–6 and §2.4.
"""

from typing import NamedTuple

import numpy as np

from nnlite.kernels.machine.cache import njit

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


# ---- the float law


def round_and_clamp_formula(y, Z, low, high):
    """q = Z + round(clamp(y, low − Z, high − Z)), halves to even.   y float32, any shape; Z, low, high integers -> q int32"""
    low, high = np.float32(int(low) - int(Z)), np.float32(int(high) - int(Z))
    return np.rint(np.clip(y, low, high)).astype(np.int32) + np.int32(Z)


def requantize_float_formula(acc, M, Z, low, high):
    """The float law.

        q = Z + round(clamp(float32(acc) · M, low − Z, high − Z))        halves to even

    acc int32, any shape; M float32, a number or an array that broadcasts against acc; Z, low, high integers -> q int32,
    low ≤ q ≤ high. The conversion of acc to float32 rounds beyond 2^24, as its owner's does.

    Source: onnxruntime/core/mlas/lib/quantize.cpp, MlasRequantizeOutput.

    >>> requantize_float_formula(np.array([3, 4, 12, -4]), np.float32(1 / 8), 0, -128, 127)
    array([0, 0, 2, 0], dtype=int32)
    """
    return round_and_clamp_formula(np.asarray(acc).astype(np.float32) * np.asarray(M, np.float32), Z, low, high)


def add_float_formula(q1, q2, Z1, Z2, M1, M2, Z3, low, high):
    """Sum of two activations by the float law.

        q3 = Z3 + round(clamp((q1 − Z1) M1 + (q2 − Z2) M2, low − Z3, high − Z3))        M1 = S1/S3, M2 = S2/S3

    q1, q2 8-bit integers of one shape; M1, M2 float32 (`multiplier(S1, 1, S3, np.float32)`) -> q3 int32. Every
    operation rounds to float32: no fused multiply-add.

    ONNX Runtime's QLinearAdd (onnxruntime/core/mlas/lib/qladd.cpp) collects the zero points first,
    round((Z3 − Z1 M1 − Z2 M2) + q1 M1 + q2 M2), and has another arithmetic on each kind of CPU. It equals this formula
    except at and next to halves, where it may be one step away.
    """
    y1 = (q1.astype(np.int32) - Z1).astype(np.float32) * np.float32(M1)
    y2 = (q2.astype(np.int32) - Z2).astype(np.float32) * np.float32(M2)
    return round_and_clamp_formula(y1 + y2, Z3, low, high)


# ---- the two laws in integers


def rounding_divide_by_power_of_two_formula(x, n):
    """q = x / 2^n to the nearest integer, halves away from zero.

    x int64, n from 0 to 31, numbers or arrays that broadcast -> int64
    `>>` rounds down, so what it cut off decides whether to add 1. At exactly half, x ≥ 0 gets the 1 and x < 0 does not.

    Source: gemmlowp fixedpoint/fixedpoint.h, RoundingDivideByPOT.

    >>> rounding_divide_by_power_of_two_formula(np.array([5, 6, 7, -5, -6, -7]), 2)
    array([ 1,  2,  2, -1, -2, -2])
    """
    mask = (np.int64(1) << n) - 1
    remainder = x & mask
    threshold = (mask >> 1) + (x < 0)
    return (x >> n) + (remainder > threshold)


def saturating_rounding_doubling_high_multiply_formula(a, b):
    """a b / 2^31 to the nearest integer: the product of a and b read as fractions of 2^31.

        (a b + nudge) / 2^31, truncated        nudge = 2^30 if a b ≥ 0, else 1 − 2^30

    A processor takes it from the high half of the doubled 64-bit product, hence the name. Halves go up (1.5 → 2,
    −1.5 → −1). It saturates in one case: −2^31 times itself gives 2^31 − 1.   a, b int64 with int32 values -> int64

    Source: gemmlowp fixedpoint/fixedpoint.h, SaturatingRoundingDoublingHighMul; ARM's instruction VQRDMULH.

    >>> saturating_rounding_doubling_high_multiply_formula(np.array([3, -3, 5]), np.int64(2**30))
    array([ 2, -1,  3])
    """
    ab = a * b
    nudged = ab + np.where(ab >= 0, 2**30, 1 - 2**30)
    truncated = np.where(nudged >= 0, nudged // 2**31, -(-nudged // 2**31))    # NumPy's // alone rounds down
    return np.minimum(truncated, INT32_MAX)


def multiply_by_quantized_multiplier_formula(x, M0, shift):
    """x · M0 / 2^31 · 2^shift in integers: shift left, multiply and round, shift right and round.

        y = SRDHM(x · 2^max(shift, 0), M0), then rounded division by 2^max(−shift, 0)

    The left shift saturates at int32's limits. (TensorFlow Lite's wraps around there; wherever it does not, the results
    are equal, and 8 bits clamp a saturated result to the right end.)

    x int32; M0, shift numbers or arrays that broadcast against x -> int64.
    Source: tensorflow/lite/kernels/internal/common.cc, MultiplyByQuantizedMultiplier, in its double-rounding form.
    """
    x, M0, shift = (np.asarray(value).astype(np.int64) for value in (x, M0, shift))
    shifted = np.clip(x << np.maximum(shift, 0), INT32_MIN, INT32_MAX)
    product = saturating_rounding_doubling_high_multiply_formula(shifted, M0)
    return rounding_divide_by_power_of_two_formula(product, np.maximum(-shift, 0))


def multiply_once_formula(x, M0, shift):
    """x · M0 / 2^31 · 2^shift in integers, rounded once: the nearest integer, halves up.

        y = ⌊(x · 2^max(shift, 0) · M0 + 2^(n−1)) / 2^n⌋        n = 31 + max(−shift, 0)

    The left shift saturates at int32's limits, as in `multiply_by_quantized_multiplier_formula`. TensorFlow Lite writes
    ⌊(x M0 + 2^(30−shift)) / 2^(31−shift)⌋, which is the same number wherever nothing saturates.

    x int32; M0, shift numbers or arrays that broadcast against x -> int64.
    Source: tensorflow/lite/kernels/internal/common.cc, MultiplyByQuantizedMultiplier with TFLITE_SINGLE_ROUNDING.

    >>> multiply_once_formula(np.array([3, 4, 5, -3, -4, -5]), 2**30, -2)        # M = 1/8
    array([ 0,  1,  1,  0,  0, -1])
    """
    x, M0, shift = (np.asarray(value).astype(np.int64) for value in (x, M0, shift))
    left, n = np.maximum(shift, 0), 31 + np.maximum(-shift, 0)
    shifted = np.clip(x << left, INT32_MIN, INT32_MAX)
    return shifted * M0 + (np.int64(1) << n - 1) >> n


MULTIPLY = {"fixed": multiply_by_quantized_multiplier_formula, "once": multiply_once_formula}


def requantize_fixed_formula(acc, M0, shift, Z, low, high, law="fixed"):
    """The laws in integers, "fixed" and "once".

        q = clamp(Z + acc · M0 / 2^31 · 2^shift, low, high)

    with the roundings of `multiply_by_quantized_multiplier_formula` or of `multiply_once_formula`. No floating-point number
    appears. As long as nothing saturates, the result is within 1 of Z + M · acc: M0 is rounded, and so is the product.

    acc int32, any shape; M0, shift from `quantize_multiplier`, numbers or arrays that broadcast against acc; Z, low,
    high integers -> q int32.

    Source: Jacob et al. 2018, eq. 4 and §2.4; tensorflow/lite/kernels/internal/reference/integer_ops/conv.h.

    >>> requantize_fixed_formula(np.array([3, 4, 12, -4]), 2**30, -2, 0, -128, 127)        # M = 1/8
    array([ 1,  1,  2, -1], dtype=int32)
    """
    return np.clip(MULTIPLY[law](acc, M0, shift) + Z, low, high).astype(np.int32)


ADD_LEFT_SHIFT = 20         # |q − Z| ≤ 255 < 2^8, so the shifted terms stay below 2^28 and their sum inside int32


def add_fixed_formula(q1, q2, Z1, Z2, M0, shift, Z3, low, high, law="fixed"):
    """Sum of two activations by a law in integers, "fixed" or "once".

        q3 = clamp(Z3 + M3 · (M1 · (q1 − Z1) 2^20 + M2 · (q2 − Z2) 2^20), low, high)

    where each M· is `multiply_by_quantized_multiplier_formula`, or `multiply_once_formula`, with its own M0 and shift.

    q1, q2 8-bit integers of one shape; M0, shift from `add_fixed_parameters` -> q3 int32.
    Source: tensorflow/lite/kernels/internal/reference/integer_ops/add.h, AddFunc.
    """
    x1 = (q1.astype(np.int64) - Z1) << ADD_LEFT_SHIFT
    x2 = (q2.astype(np.int64) - Z2) << ADD_LEFT_SHIFT
    total = MULTIPLY[law](x1, M0[0], shift[0]) + MULTIPLY[law](x2, M0[1], shift[1])
    return requantize_fixed_formula(total, M0[2], shift[2], Z3, low, high, law)


# ---- the same for single numbers, to be called inside loops. M = M0/2^31 · 2^left / 2^right, where left or right is 0


class Law(NamedTuple):
    """The factors of a layer, one for each channel.

    By the fixed law M0, left, right (O,) int32; by the float law M (O,) float32; by the law once M0, left and total (O,) int32,
    where total = 31 + right. The arrays of the other laws are empty. By the laws fixed and float `left` may be empty, too: then
    nothing is shifted left, and no sum exceeds int32.
    """

    M0: np.ndarray
    left: np.ndarray
    right: np.ndarray
    M: np.ndarray
    total: np.ndarray = np.empty(0, np.int32)


@njit(cache=True)
def round_and_clamp(y, Z, low, high):
    """q = Z + round(clamp(y, low − Z, high − Z)), halves to even.   y float32 -> an integer"""
    return np.int64(np.rint(min(max(y, np.float32(low - Z)), np.float32(high - Z)))) + Z


@njit(cache=True)
def requantize_float(acc, M, Z, low, high):
    """q = Z + round(clamp(float32(acc) · M, low − Z, high − Z)), halves to even.   acc an integer, M float32 -> an integer"""
    return round_and_clamp(np.float32(acc) * M, Z, low, high)


@njit(cache=True)
def add_float(q1, q2, Z1, Z2, M1, M2, Z3, low, high):
    """q3 = Z3 + round(clamp((q1 − Z1) M1 + (q2 − Z2) M2, low − Z3, high − Z3))   M1, M2 float32"""
    y1, y2 = np.float32(np.int64(q1) - Z1) * M1, np.float32(np.int64(q2) - Z2) * M2
    return round_and_clamp(y1 + y2, Z3, low, high)


@njit(cache=True)
def rounding_divide_by_power_of_two(x, n):
    """x / 2^n to the nearest integer, halves away from zero.   x int64, 0 ≤ n ≤ 31"""
    mask = (np.int64(1) << np.int64(n)) - 1
    threshold = (mask >> 1) + (1 if x < 0 else 0)
    return (x >> np.int64(n)) + (1 if x & mask > threshold else 0)


@njit(cache=True)
def rounding_doubling_high_multiply(x, M0):
    """⌊(x M0 + 2^30) / 2^31⌋ for M0 ≥ 0, which never saturates.

    One addition and one shift do what gemmlowp's nudge of either sign and truncating division do: for x M0 < 0,
    ⌈(x M0 + 1 − 2^30) / 2^31⌉ = ⌊(x M0 + 2^30) / 2^31⌋. The product has up to 62 bits: it is int64.
    """
    return np.int64(x) * np.int64(M0) + 2**30 >> 31


@njit(cache=True)
def shift_left(x, left):
    """y = clamp(x · 2^left, −2^31, 2^31 − 1).   x int64 -> int64"""
    return min(max(np.int64(x) << np.int64(left), INT32_MIN), INT32_MAX)


@njit(cache=True)
def multiply(x, M0, right):
    """y = x · M0 / 2^31 / 2^right: rounded after 2^31 (halves up), and again after 2^right (halves away from zero)."""
    return rounding_divide_by_power_of_two(rounding_doubling_high_multiply(x, M0), right)


@njit(cache=True)
def requantize_fixed(x, M0, right, Z, low, high):
    """q = clamp(Z + x · M0 / 2^31 / 2^right, low, high) for x already shifted left"""
    return min(max(multiply(x, M0, right) + Z, low), high)


@njit(cache=True)
def multiply_once(x, M0, total):
    """y = ⌊(x · M0 + 2^(total−1)) / 2^total⌋, rounded once, halves up.   31 ≤ total ≤ 62"""
    return np.int64(x) * np.int64(M0) + (np.int64(1) << np.int64(total) - 1) >> np.int64(total)


@njit(cache=True)
def requantize_once(x, M0, total, Z, low, high):
    """q = clamp(Z + x · M0 / 2^total, low, high) for x already shifted left"""
    return min(max(multiply_once(x, M0, total) + Z, low), high)


@njit(cache=True)
def add_fixed(q1, q2, Z1, Z2, M0, right, Z3, low, high):
    """q3 = clamp(Z3 + M3 · (M1 · (q1 − Z1) 2^20 + M2 · (q2 − Z2) 2^20), low, high)   M0, right arrays (3,); left is 0"""
    x1 = multiply((np.int64(q1) - Z1) << ADD_LEFT_SHIFT, M0[0], right[0])
    x2 = multiply((np.int64(q2) - Z2) << ADD_LEFT_SHIFT, M0[1], right[1])
    return requantize_fixed(x1 + x2, M0[2], right[2], Z3, low, high)


@njit(cache=True)
def add_once(q1, q2, Z1, Z2, M0, total, Z3, low, high):
    """`add_fixed` with one rounding for each product.   M0, total arrays (3,); left is 0"""
    x1 = multiply_once((np.int64(q1) - Z1) << ADD_LEFT_SHIFT, M0[0], total[0])
    x2 = multiply_once((np.int64(q2) - Z2) << ADD_LEFT_SHIFT, M0[1], total[1])
    return requantize_once(x1 + x2, M0[2], total[2], Z3, low, high)
