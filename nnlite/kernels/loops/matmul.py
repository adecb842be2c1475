"""Matrix product c = a b.

Letters: a (M, K), b (K, N), c (M, N); m, k, n count along M, K, N.

Source: Golub & Van Loan 2013, Matrix Computations, §1.1.
"""

import numpy as np

from nnlite.kernels.machine.cache import njit


def matmul_formula(a, b):
    """c[m, n] = Σ_k a[m, k] b[k, n]: all products at once, then the sum over k."""
    return (a[:, :, None] * b[None, :, :]).sum(axis=1)


@njit(cache=True)
def matmul(a, b, bias=None):
    """c[m, n] = bias[n] + Σ_k a[m, k] b[k, n]:  a (M, K), b (K, N), bias (N,) or None, of one float dtype -> a new c (M, N).

    n runs innermost, along the rows of b and c, where the numbers are neighbours in memory. Memory is read fastest in this
    order, and the compiler can compute several n at a time. If the columns of b are contiguous instead, as in wᵀ, b is copied
    first.
    """
    (M, K), N = a.shape, b.shape[1]
    b = np.ascontiguousarray(b)
    c = np.empty((M, N), b.dtype)
    for m in range(M):
        for n in range(N):
            c[m, n] = 0 if bias is None else bias[n]
        for k in range(K):
            for n in range(N):
                c[m, n] += a[m, k] * b[k, n]
    return c
