"""Small kernels for which NumPy has no function."""

import math

import numpy as np
from numba import njit


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
