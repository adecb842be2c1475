"""Matrix product of uint8 with int8 weights, summed exactly in int32: c = a w.

Letters: a (M, K), w (K, N), c (M, N).

Source: Jacob et al. 2018 (arXiv 1712.05877), §2.2 and §2.3.
"""

from typing import NamedTuple

import numpy as np

from nnlite.kernels.machine.cache import njit


class PackedInt8(NamedTuple):
    """Weights w (K, N) int8 as `matmul_int8` reads them: here w itself, in `fast` panels of its columns."""

    numbers: np.ndarray
    K: int
    N: int


def pack_int8(w):
    """w (K, N) int8 -> PackedInt8."""
    return PackedInt8(np.ascontiguousarray(w), *w.shape)


def matmul_int8_formula(a, w):
    """c[m, n] = Σ_k a[m, k] w[k, n] with a uint8, w int8, summed in int64 and exact."""
    return a.astype(np.int64) @ w.astype(np.int64)


@njit(cache=True)
def matmul_int8(a, packed, c):
    """c[m, n] = Σ_k a[m, k] w[k, n]:  a (M, K) uint8, packed = pack_int8(w), c (M, N) int32 is filled.

    Both factors become int32 before they are multiplied: a product of 8-bit integers does not fit into 8 bits. A sum of
    K products is at most 255 · 128 · K in size, so int32 is exact up to K = 65,793.
    """
    w = packed.numbers
    (M, K), N = a.shape, w.shape[1]
    for m in range(M):
        for n in range(N):
            c[m, n] = 0
        for k in range(K):
            for n in range(N):
                c[m, n] += np.int32(a[m, k]) * np.int32(w[k, n])
