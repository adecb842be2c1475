"""Affine quantization: a real number r is kept as a small integer q.

    r ≈ S (q − Z)        S  scale: the real size of one step, S > 0
                         Z  zero point: the integer that stands for 0.0

Zero is always exact, because padding, ReLU and pruning make many zeros. Scales are float32, as in files and in other
runtimes.

Source: Jacob et al. 2018 (arXiv 1712.05877), eq. 1; to the letter of the articles: A3 and B2 in `tutorials/articles.md`.
"""

import numpy as np


def check_finite(name, x):
    """ValueError that says how many values of x are NaN or infinite, and where the first is."""
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        first = tuple(bad[0].tolist())
        raise ValueError(f"{name}: {len(bad)} of {np.size(x)} values are NaN or infinite, the first at index {first}")


def round_scaled(w, Q):
    """Multiply the weights by a scale and round: quantization as both articles write it (A3, B2), to the letter.

        W_q = round(W × Q)        |W − W_q / Q| ≤ 1 / (2Q)

    Q is a scale, not a number of bits: Q = 8 takes [−1, 1] to the 17 integers −8 … 8. It is affine quantization with
    S = 1/Q and Z = 0, without the clamp that would make the integers fit a type.

    w any shape -> int64, same shape. Halves go to the even neighbour. ValueError if Q ≤ 0, or w has NaN or infinity.

    >>> round_scaled([-1.0, 0.3, 20.0], 8)
    array([ -8,   2, 160])
    """
    if not Q > 0:
        raise ValueError(f"round_scaled: Q is a scale and must be positive, got {Q}")
    w = np.asarray(w, np.float64)
    check_finite("round_scaled", w)
    return np.rint(w * Q).astype(np.int64)


def usable_scale(S):
    """S as float32, and 1 in place of every S that is zero or below the smallest normal float32.

    Such an S belongs to an all-zero array. Any positive S represents zeros exactly; 1 avoids a division by zero.
    """
    S = np.asarray(S, np.float32)
    return np.where(S < np.finfo(np.float32).tiny, np.float32(1), S)[()]


def affine_parameters(low, high, qmin, qmax):
    """Scale and zero point that map the real range [low, high] onto the integers qmin … qmax.

        S = (high − low) / (qmax − qmin)        Z = round(qmin − low / S)

    The range is first widened to contain 0, and Z is rounded, which shifts the range by at most S/2, so that 0.0 is
    exactly the integer Z, qmin ≤ Z ≤ qmax. A range of zero width gets S = 1 (see `usable_scale`).

    Real numbers, integers -> S float32, Z int. ValueError if low > high, one of them is NaN or infinite, or
    qmin ≥ qmax.

    Source: Jacob et al. 2018 (arXiv 1712.05877), eq. 1 and §3; the nudged zero point is TensorFlow's.

    >>> affine_parameters(-1.0, 3.0, 0, 255)
    (np.float32(0.015686275), 64)
    """
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise ValueError(f"affine_parameters: the range [{low}, {high}] must be finite with low ≤ high")
    if not qmin < qmax:
        raise ValueError(f"affine_parameters: qmin {qmin} must be less than qmax {qmax}")
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    S = usable_scale((high - low) / (qmax - qmin))
    Z = int(np.rint(qmin - low / float(S)))
    return S, Z


def symmetric_scale(w, bits, axis=None):
    """Scale of weights whose zero point is 0, for integers −qmax … qmax.

        S = max |w| / qmax        qmax = 2^(bits−1) − 1

    With 8 bits that is [−127, 127]: −128 stays unused, so that −w is representable whenever w is.

    axis None: one S for the whole array. axis 0: one S per output channel, shape (O,) for w (O, …), which costs
    nothing at run time and keeps one large channel from coarsening all others. S = 1 for an all-zero or empty channel
    (see `usable_scale`). ValueError if bits is not an integer from 2 to 8, or w has NaN or infinity.

    Source: TensorFlow Lite 8-bit quantization specification; Krishnamoorthi 2018 (arXiv 1806.08342), §2.2 and §2.6.

    >>> symmetric_scale([[0.5, -12.7], [1.27, 0.0]], 8, axis=0)
    array([0.1 , 0.01], dtype=float32)
    """
    if bits not in range(2, 9):
        raise ValueError(f"symmetric_scale: bits is {bits}, must be an integer from 2 to 8")
    if axis not in (None, 0):
        raise ValueError(f"symmetric_scale: axis is {axis}, must be None (one scale) or 0 (one per output channel)")
    w = np.asarray(w)
    check_finite("symmetric_scale", w)
    others = None if axis is None else tuple(range(1, w.ndim))
    largest = np.abs(w).max(axis=others, initial=0.0)
    return usable_scale(largest / (2 ** (bits - 1) - 1))


def along_channels(s, x):
    """A scale or zero point, () or (O,), in the shape that broadcasts along axis 0 of x (O, …)."""
    s = np.asarray(s)
    if s.ndim == 0:
        return s
    if s.shape != x.shape[:1]:
        raise ValueError(f"scales and zero points of an array {x.shape} must be single numbers or of shape "
                         f"{x.shape[:1]}, got {s.shape}")
    return s.reshape(-1, *[1] * (x.ndim - 1))


def dequantize(q, S, Z):
    """The real numbers that the integers stand for.

        r = S (q − Z)

    q any shape, S and Z single numbers or one per channel of axis 0 -> r float32, shape of q.
    Source: Jacob et al. 2018 (arXiv 1712.05877), eq. 1.

    >>> dequantize(np.array([0, 64, 255], np.uint8), 0.5, 64)
    array([-32. ,   0. ,  95.5], dtype=float32)
    """
    q = np.asarray(q)
    S, Z = along_channels(S, q), along_channels(Z, q)
    return (S * (q.astype(np.int64) - Z)).astype(np.float32)


def quantize_affine(r, S, Z, qmin, qmax, dtype):
    """The integers nearest to real numbers.

        q = clamp(round(r / S) + Z, qmin, qmax)        |r − S (q − Z)| ≤ S/2 where nothing is clamped

    Halves go to the even neighbour. The clamp comes before the cast: 172 cast to int8 would be −84.

    r any shape, S and Z single numbers or one per channel of axis 0 -> q of integer type `dtype`, shape of r. r / S is
    computed in r's own float type; for float32 that is what ONNX Runtime does. ValueError if r has NaN or infinity, if S ≤ 0,
    if S or Z has another length, or if dtype does not hold qmin … qmax.

    Source: Jacob et al. 2018 (arXiv 1712.05877), eq. 1; ONNX operator QuantizeLinear.

    >>> quantize_affine([-0.5, 0.0, 10.0], 10 / 172, 0, -128, 127, np.int8)
    array([ -9,   0, 127], dtype=int8)
    """
    limits = np.iinfo(dtype)
    if not limits.min <= qmin <= qmax <= limits.max:
        raise ValueError(f"quantize_affine: {np.dtype(dtype)} holds {limits.min} … {limits.max}, not {qmin} … {qmax}")
    r = np.asarray(r)
    if not np.issubdtype(r.dtype, np.floating):
        r = r.astype(np.float64)
    check_finite("quantize_affine", r)
    S, Z = along_channels(S, r).astype(r.dtype), along_channels(Z, r)
    if not (S > 0).all():
        raise ValueError(f"quantize_affine: every scale must be positive, got {S.min()}")
    with np.errstate(over="ignore"):                        # an infinite quotient is clamped as any large one
        q = np.rint(r / S)
    q = q.astype(np.float64) + Z                            # float64 holds qmin and qmax exactly, even int32's
    return np.clip(q, qmin, qmax).astype(dtype)
