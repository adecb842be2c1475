"""The textbook's loops, compiled as they stand: what a kernel is without the tile. Only the bench runs them.

Letters as in `matmul` and `convolution`. LLVM turns them into SIMD where it can; what they lack is reuse: every
multiply-add reads its two numbers from the cache anew.
"""

import numpy as np

from nnlite.kernels.machine.cache import njit


@njit(cache=True)
def matmul_loops(a, b, c):
    """c[m, n] = Σ_k a[m, k] b[k, n];  a (M, K), b (K, N), c (M, N), of one float dtype; c is filled and returned.

    n runs innermost, along the rows of b and c: that is the order that SIMD can follow.
    """
    (M, K), N = a.shape, b.shape[1]
    for m in range(M):
        c[m] = 0
        for k in range(K):
            for n in range(N):
                c[m, n] += a[m, k] * b[k, n]
    return c


@njit(cache=True)
def matmul_int8_loops(a, b, c):
    """c[m, n] = Σ_k a[m, k] b[k, n], exact;  a (M, K) uint8, b (K, N) int8, c (M, N) int32, filled and returned."""
    (M, K), N = a.shape, b.shape[1]
    for m in range(M):
        c[m] = 0
        for k in range(K):
            for n in range(N):
                c[m, n] += np.int32(a[m, k]) * np.int32(b[k, n])
    return c
