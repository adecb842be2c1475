"""Powers of two: as scales of integers, and as the values of weights."""

import numpy as np


def power_exponent(w, bits, axis=None):
    """The exponent n of the smallest scale 2^n with which no integer has to be clamped.

        n = ⌈log2(max |w| / qmax)⌉        qmax = 2^(bits−1) − 1

    This is the smallest integer n with max |w| ≤ qmax · 2^n. n has to be right for every float64 number, also where max |w| is
    one rounding above or below qmax · 2^n. (There np.log2 rounds to the wrong side.)

    w: floats of any shape.   bits: 2 to 8.
    axis None: one n for the whole array, an int64 number. axis an integer: the maximum is taken over all *other* axes, so each
    index along `axis` has an n of its own. The result then is int64 and has as many axes as w, with length 1 everywhere but
    along `axis`; it broadcasts against w. A negative axis counts from the end.
    Where max |w| = 0, and for an empty w, n is 0.
    Errors: ValueError for other bits, and where w holds NaN or an infinity.
    """
    if not 2 <= bits <= 8:
        raise ValueError(f"power_exponent: bits has to be from 2 to 8, got {bits}")
    w = np.asarray(w, np.float64)
    if not np.isfinite(w).all():
        raise ValueError("power_exponent: w holds NaN or an infinity")
    others = None if axis is None else tuple(d for d in range(w.ndim) if d != axis % w.ndim)
    largest = np.abs(w).max(axis=others, keepdims=axis is not None, initial=0)
    f, x = np.frexp(largest)                    # largest = f · 2^x with ½ ≤ f < 1
    g, y = np.frexp(2.0 ** (bits - 1) - 1)      # qmax = g · 2^y
    return np.where(largest > 0, x - y + (f > g), 0).astype(np.int64)[()]


def quantize_power(w, n, bits):
    """Integers for numbers, with the scale 2^n.

        q = clamp(round(w / 2^n), −qmax, qmax)        halves to even, qmax = 2^(bits−1) − 1

    w: floats of any shape; n: an integer, or integers that broadcast against w -> q int8, of w's shape. n need not come from
    `power_exponent`; numbers too large for it are clamped before the cast to int8.   bits: 2 to 8.
    Errors: ValueError for other bits, and where w holds NaN or an infinity.
    """
    if not 2 <= bits <= 8:
        raise ValueError(f"quantize_power: bits has to be from 2 to 8, got {bits}")
    w, qmax = np.asarray(w, np.float64), 2 ** (bits - 1) - 1
    if not np.isfinite(w).all():
        raise ValueError("quantize_power: w holds NaN or an infinity")
    return np.clip(np.rint(np.ldexp(w, -np.asarray(n))), -qmax, qmax).astype(np.int8)


def dequantize_power(q, n):
    """The numbers that integers stand for: q · 2^n.

    q: integers of any shape; n: an integer, or integers that broadcast against q -> float32, of q's shape. |q| < 2^24 and n
    from −120 to 100: then every result is exact.
    """
    return np.ldexp(np.asarray(q, np.float64), n).astype(np.float32)


def change_exponent(q, n, m, low, high):
    """Integers with scale 2^n as integers with scale 2^m, by shifts alone.

        r = clamp(round(q · 2^(n−m)), low, high)        halves away from zero: 2.5 -> 3, −2.5 -> −3

    q int32, any shape; n, m: integers, or arrays of integers that broadcast against q, with −60 ≤ n − m ≤ 30; low, high:
    integers within int32 -> r int32, of q's shape. Everything is computed in integers, and exact: q · 2^30 needs 64 bits.
    """
    q, down = np.asarray(q, np.int64), np.asarray(m, np.int64) - n
    right, left = np.maximum(down, 0), np.maximum(-down, 0)
    half = (np.int64(1) << right) >> 1
    r = np.sign(q) * (((np.abs(q) << left) + half) >> right)
    return np.clip(r, low, high).astype(np.int32)


def top_exponent(w):
    """The exponent of the power of two that is nearest to max |w|: |max |w| − 2^t| is smallest.

    Of two powers that are equally near the larger one is chosen: 3 lies between 2 and 4, and gives t = 2.
    w: floats of any shape, at least one not 0 -> t, an int64 number. t has to be right for every float64 number.
    Errors: ValueError where w is empty, holds zeros alone, NaN or an infinity.
    """
    largest = np.abs(np.asarray(w, np.float64)).max(initial=0)
    if not 0 < largest < np.inf:
        raise ValueError(f"top_exponent: the largest of |w| has to be a finite number above 0, got {largest}")
    f, x = np.frexp(largest)
    return np.int64(x - (f < 0.75))


def quantize_logarithmic(w, t, bits):
    """Codes for numbers: each number becomes 0 or ± a power of two.

        code  0                stands for   0
        code  k = 1 … K        stands for   2^(t − K + k)        K = 2^(bits−1) − 1, so K stands for 2^t
        code −k                stands for  −2^(t − K + k)

    A number gets the code whose value is nearest to it: |w − value| is smallest. Of two values that are equally near the one
    with the larger magnitude is chosen. So 2^(t−K+1) / 2, half of the smallest power, becomes code 1, and everything nearer to
    0 becomes 0. Numbers beyond ±2^t get ±K.
    w: floats of any shape; t: an integer -> codes int8, of w's shape.   bits: 2 to 6.
    Errors: ValueError for other bits, and where w holds NaN or an infinity.
    Source: Zhou et al. 2017, incremental network quantization (arXiv 1702.03044), section 2.1.
    """
    if not 2 <= bits <= 6:
        raise ValueError(f"quantize_logarithmic: bits has to be from 2 to 6, got {bits}")
    w, K = np.asarray(w, np.float64), 2 ** (bits - 1) - 1
    if not np.isfinite(w).all():
        raise ValueError("quantize_logarithmic: w holds NaN or an infinity")
    f, x = np.frexp(np.abs(w))
    k = np.clip(x - (f < 0.75) - (t - K), 1, K)
    return (np.sign(w) * np.where(np.abs(w) < np.ldexp(1.0, t - K), 0, k)).astype(np.int8)


def dequantize_logarithmic(c, t, bits):
    """The numbers that codes stand for, see `quantize_logarithmic`: 0, or ±2^(t − K + |c|) with K = 2^(bits−1) − 1.

    c: integers from −K to K, any shape; t: an integer -> float32, of c's shape.   bits: 2 to 6.
    Errors: ValueError for other bits, and for a code beyond ±K.
    """
    c, K = np.asarray(c, np.int64), 2 ** (bits - 1) - 1
    if not 2 <= bits <= 6 or (np.abs(c) > K).any():
        raise ValueError(f"dequantize_logarithmic: bits has to be from 2 to 6, and codes from {-K} to {K}")
    return (np.sign(c) * np.ldexp(1.0, t - K + np.abs(c))).astype(np.float32)


def shift_product(x, c):
    """A linear layer on integers whose weights are codes: shifts and sums, no multiplication of two variable numbers.

        y[n, o] = Σ_i ±(x[n, i] << (|c[o, i]| − 1))        + where c > 0, − where c < 0; where c = 0 nothing is added

    x (N, I) uint8 or int8; c (O, I) int8, codes from −31 to 31 -> y (N, O) int64, exact.
    If x has the scale 2^s, and c is from `quantize_logarithmic` with t and K, then y has the scale 2^(s + t − K + 1).
    Errors: ValueError where the two I differ.
    """
    if x.shape[1] != c.shape[1]:
        raise ValueError(f"shift_product: x has {x.shape[1]} columns, c has {c.shape[1]}")
    x, c = x.astype(np.int64)[:, None], c.astype(np.int64)
    return (np.sign(c) * (x << np.maximum(np.abs(c) - 1, 0))).sum(axis=2)
