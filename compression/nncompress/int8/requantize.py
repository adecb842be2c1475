"""The parameters of requantization: the factors by which an accumulator, or two activations to be added, are multiplied.

The laws that use these factors stand in `nnlite/kernels/loops/requantize.py`.
"""

import numpy as np

from nnlite.kernels.loops.requantize import ADD_LEFT_SHIFT


def multiplier(S1, S2, S3, dtype):
    """The real factor between an accumulator and the output.

        M = S1 S2 / S3

    It is computed from left to right in `dtype`: in float32 for the law "float", as ONNX Runtime does it; in float64 for
    the laws in integers, as TensorFlow Lite does it.
    S1, S2, S3: numbers, or arrays of one number for each channel -> M of that dtype.

    Source: Jacob et al. 2018, eq. 5; onnxruntime quantize_linear_matmul.cc; tensorflow/lite/kernels/kernel_util.cc.
    """
    return np.asarray(S1, dtype) * np.asarray(S2, dtype) / np.asarray(S3, dtype)


def quantize_multiplier(M):
    """A real factor as an int32 and a power of two.

        M ≈ M0 / 2^31 · 2^shift        2^30 ≤ M0 < 2^31, so that 31 bits of M are kept

    M0 is rounded to the nearest integer, halves up. shift is −n of Jacob et al.: a positive shift goes left (M ≥ 1), a negative
    one right. If M0 rounds up to 2^31, which int32 does not hold, it is halved and shift grows by 1. A factor below 2^−32
    becomes M0 = 0, shift = 0.

    A number or an array -> M0 int32, shift int32, of its shape. ValueError if M is negative, NaN, or 2^30 and more.

    Source: Jacob et al. 2018, eq. 6; tensorflow/lite/kernels/internal/quantization_util.cc, QuantizeMultiplier.

    >>> quantize_multiplier(0.75 / 4)
    (np.int32(1610612736), np.int32(-2))
    """
    M = np.asarray(M, np.float64)
    if not ((M >= 0) & (M < 2**30)).all():
        raise ValueError(f"quantize_multiplier: factors must lie in [0, 2^30), got {M.min()} … {M.max()}")
    m, shift = np.frexp(M)                                              # M = m · 2^shift, 0.5 ≤ m < 1
    M0 = np.floor(m * 2**31 + 0.5).astype(np.int64)
    reached = M0 == 2**31
    M0, shift = np.where(reached, 2**30, M0), np.where(reached, shift + 1, shift)
    vanished = shift < -31
    return np.where(vanished, 0, M0).astype(np.int32)[()], np.where(vanished, 0, shift).astype(np.int32)[()]


def add_fixed_parameters(S1, S2, S3):
    """The three factors of `add_fixed_formula`, as M0 and shift of each.

        T = 2 max(S1, S2)        M1 = S1 / T        M2 = S2 / T        M3 = T / (2^20 S3)

    Both inputs are brought to the common scale T / 2^20, then their sum is brought to S3. The common scale is so fine that its
    rounding is far below a step of S3. M1 and M2 are at most 1/2, so that the sum of the two terms cannot overflow.

    Positive numbers -> (M0 of M1, M2, M3), (shift of M1, M2, M3), two tuples of int. ValueError if a scale is not
    positive, or S3 is so small that M3 ≥ 1.

    Source: tensorflow/lite/kernels/add.cc, Prepare.
    """
    S1, S2, S3 = float(S1), float(S2), float(S3)
    if not (S1 > 0 and S2 > 0 and S3 > 0):
        raise ValueError(f"add_fixed_parameters: scales must be positive, got {S1}, {S2} and {S3}")
    T = 2 * max(S1, S2)
    M0, shift = quantize_multiplier([S1 / T, S2 / T, T / (2**ADD_LEFT_SHIFT * S3)])
    if shift[2] > 0:
        raise ValueError(f"add_fixed_parameters: output scale {S3} is too small for input scales {S1} and {S2}")
    return tuple(M0.tolist()), tuple(shift.tolist())


def float32_factor(S1, S2, S3):
    """S1 S2 / S3 in float32, as in `multiplier`.   ValueError where it overflows."""
    with np.errstate(over="ignore"):
        M = multiplier(S1, S2, S3, np.float32)
    if not np.isfinite(M).all():
        raise ValueError(f"the scales {S1}, {np.max(S2)} and {S3} make a factor beyond float32's range")
    return M
