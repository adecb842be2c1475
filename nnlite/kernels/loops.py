"""The textbook's loops, compiled as they stand: what a kernel is without the tile. Only the bench runs them.

Letters as in `matmul` and `convolution`. LLVM turns them into SIMD where it can; what they lack is reuse: every
multiply-add reads its two numbers from the cache anew.
"""

import numpy as np
from numba import njit


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


@njit(cache=True)
def conv2d_loops(x, w, y):
    """y[n, i, j, o] = Σ_u Σ_v Σ_c x[n, i + u, j + v, c] w[u, v, c, o]: stride 1, one group.

    x (N, H, W, C) padded, w (kh, kw, C, O), y (N, H', W', O), filled and returned; floats, or uint8, int8 and int32.
    """
    kh, kw, C, O = w.shape
    N, out_h, out_w, _ = y.shape
    for n in range(N):
        for i in range(out_h):
            for j in range(out_w):
                y[n, i, j] = 0
                for u in range(kh):
                    for v in range(kw):
                        for c in range(C):
                            for o in range(O):
                                y[n, i, j, o] += x[n, i + u, j + v, c] * w[u, v, c, o]
    return y
