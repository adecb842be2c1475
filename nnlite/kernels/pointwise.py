"""Element by element: ReLU in one pass and on all threads, and what NumPy has no function for."""

import math

import numpy as np
from numba import njit, prange

from nnlite.kernels.threads import MOVE, parallel_kernel, use_threads


def relu(x):
    """y = max(x, 0), a NaN where x is one -> array of x's shape, dtype and order in memory."""
    y = np.empty_like(x)
    use_threads(MOVE * x.size)
    _relu(x.ravel(order="K"), y.ravel(order="K"))
    return y


@parallel_kernel
def _relu(x, y):
    for i in prange(x.size):
        y[i] = 0 if x[i] <= 0 else x[i]


def relu_gradient(dy, y):
    """dx = dy where y > 0, else 0 -> array of y's shape, dtype and order in memory."""
    if dy.strides != y.strides:
        dy, given = np.empty_like(y), dy
        dy[...] = given
    dx = np.empty_like(y)
    use_threads(MOVE * y.size)
    _relu_gradient(dy.ravel(order="K"), y.ravel(order="K"), dx.ravel(order="K"))
    return dx


@parallel_kernel
def _relu_gradient(dy, y, dx):
    for i in prange(y.size):
        dx[i] = dy[i] if y[i] > 0 else 0


def erf(x):
    """The error function 2/√π ∫₀ˣ e^(−t²) dt of each number -> array of x's shape and dtype."""
    y = np.empty(x.shape, x.dtype)
    _erf(np.ascontiguousarray(x).reshape(-1), y.reshape(-1))
    return y


@njit(cache=True)
def _erf(x, y):
    for i in range(x.size):
        y[i] = math.erf(x[i])


@njit(cache=True)
def add_rows(rows, indices, total):
    """total[indices[n]] += rows[n]:  rows (N, D), indices (N,), total (V, D). One thread: two rows may meet."""
    for n in range(len(indices)):
        for d in range(rows.shape[1]):
            total[indices[n], d] += rows[n, d]
