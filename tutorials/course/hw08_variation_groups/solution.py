"""Integers with a scale for each group of weights, and two more laws of requantization."""

import numpy as np


def quantize_groups(w, group, bits):
    """Integers for weights, with one scale for each `group` neighbouring rows of a column.

        S[g, n] = max |w[k, n]| / qmax over the rows k = g·group, …, g·group + group − 1        qmax = 2^(bits−1) − 1
        q[k, n] = clamp(round(w[k, n] / S[g, n]), −qmax, qmax)        halves to even

    w (K, N) floats, K a multiple of group -> q (K, N) int8, S (K / group, N) float32. S is rounded to float32 first; with this
    S the integers are computed. A group of nothing but zeros has S = 1.
    bits: 2 to 8.   Errors: ValueError for other bits, and where K is not a multiple of group.
    """
    if not 2 <= bits <= 8:
        raise ValueError(f"quantize_groups: bits has to be from 2 to 8, got {bits}")
    if len(w) % group:
        raise ValueError(f"quantize_groups: {len(w)} rows are not a multiple of {group}")
    qmax = 2 ** (bits - 1) - 1
    groups = np.asarray(w, np.float64).reshape(-1, group, np.shape(w)[1])
    largest = np.abs(groups).max(axis=1)
    S = np.where(largest > 0, largest / qmax, 1).astype(np.float32)
    q = np.clip(np.rint(groups / S[:, None].astype(np.float64)), -qmax, qmax)
    return q.astype(np.int8).reshape(np.shape(w)), S


def matmul_groups(a, Z, q, S):
    """The product of bytes with weights in groups.

        y[m, n] = Σ_g S[g, n] · Σ_k (a[m, k] − Z) q[k, n]        the inner sum over the rows k of group g

    a (M, K) uint8, Z integer, q (K, N) int8, S (G, N) float32 with K = G · group -> y (M, N) float32. The inner sums are
    integers, and exact however long a group is. The outer sum is taken in float64, and rounded to float32 at the end.
    Errors: ValueError where K is not a multiple of G.
    """
    if len(q) % len(S):
        raise ValueError(f"matmul_groups: {len(q)} rows do not fit {len(S)} groups")
    (M, K), (G, N) = a.shape, S.shape
    left = (a.astype(np.int64) - Z).reshape(M, G, K // G)
    right = q.astype(np.int64).reshape(G, K // G, N)
    sums = np.stack([left[:, g] @ right[g] for g in range(G)], axis=1)
    return (sums * S.astype(np.float64)).sum(axis=1).astype(np.float32)


def divide_half_even(x, n):
    """x / 2^n to the nearest integer, halves to the even neighbour, in integers only.

    x integers of up to 53 bits, n from 0 to 31, numbers or arrays that broadcast -> int64
    """
    x, n = np.asarray(x, np.int64), np.asarray(n, np.int64)
    down = x >> n
    twice_rest = 2 * (x - (down << n))
    return down + ((twice_rest > (1 << n)) | ((twice_rest == (1 << n)) & (down % 2 == 1)))


def requantize_single(acc, M0, shift, Z, low, high):
    """The fixed law with one rounding, as newer kernels of TensorFlow Lite have it.

        q = clamp(Z + ⌊acc · M0 / 2^31 · 2^shift + ½⌋, low, high)        halves up

    acc int32, any shape; M0 int32 (not negative) and shift (−31 to 30), numbers or arrays that broadcast against acc; Z, low,
    high integers -> q int32. No floating-point number: acc · M0 needs 64 bits, and one shift by 31 − shift.
    """
    right = 31 - np.asarray(shift, np.int64)
    product = np.asarray(acc, np.int64) * np.asarray(M0, np.int64)
    rounded = (product + (np.int64(1) << (right - 1))) >> right
    return np.clip(rounded + Z, low, high).astype(np.int32)


def power_of_two(M):
    """The n whose 2^−n comes nearest to M as a ratio: |log2(M · 2^n)| is smallest.

    M a positive number or array -> n int64, of M's shape; it may be negative.   Errors: ValueError unless all M > 0.
    """
    M = np.asarray(M, np.float64)
    if not (M > 0).all():
        raise ValueError(f"power_of_two: factors have to be positive, got {M.min()}")
    return np.rint(-np.log2(M)).astype(np.int64)[()]


def requantize_power_of_two(acc, n, Z, low, high):
    """Requantization without a multiplication.

        q = clamp(Z + round(acc / 2^n), low, high)        halves to even

    acc int32, any shape; n from −20 to 31 (a negative n multiplies), a number or an array that broadcasts against acc -> int32
    """
    acc, n = np.asarray(acc, np.int64), np.asarray(n, np.int64)
    return np.clip(divide_half_even(acc << np.maximum(-n, 0), np.maximum(n, 0)) + Z, low, high).astype(np.int32)
