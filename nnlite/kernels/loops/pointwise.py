"""Element by element: ReLU, the error function, and rows added to rows.

Source: ReLU: Nair & Hinton 2010 (ICML); erf: Abramowitz & Stegun, Handbook of Mathematical Functions, 7.1.1.
"""

import math

import numpy as np

from nnlite.kernels.machine.cache import njit


def relu_formula(x):
    """y = max(x, 0), a NaN where x is one."""
    return np.maximum(x, 0)


def relu_gradient_formula(dy, y):
    """dx = dy where y > 0, else 0."""
    return np.where(y > 0, dy, 0)


def relu(x):
    """y = max(x, 0), a NaN where x is one:  x of any shape -> a new y of its shape, dtype and order in memory."""
    y = np.array(x, order="K")
    cut_off(y.ravel(order="K"))
    return y


@njit(cache=True)
def cut_off(y):
    """y[i] ← max(y[i], 0)   y (n,)"""
    for i in range(y.size):
        if y[i] <= 0:
            y[i] = 0


def relu_gradient(dy, y):
    """dx = dy where y > 0, else 0:  dy, y of one shape -> a new dx of y's shape, dtype and order in memory."""
    y = np.array(y, order="K")  # without gaps, as dx is
    dx = np.empty_like(y)
    dx[...] = dy
    keep_where_positive(dx.ravel(order="K"), y.ravel(order="K"))
    return dx


@njit(cache=True)
def keep_where_positive(dx, y):
    """dx[i] ← dx[i] where y[i] > 0, else 0   dx, y (n,)"""
    for i in range(y.size):
        if not y[i] > 0:
            dx[i] = 0


def erf(x):
    """y = 2/√π ∫₀ˣ e^(−t²) dt of each number:  x of any shape -> a new y of its shape and dtype."""
    y = np.array(x, order="K")
    erf_of_each(y.ravel(order="K"))
    return y


@njit(cache=True)
def erf_of_each(y):
    """y[i] ← erf(y[i])   y (n,)"""
    for i in range(y.size):
        y[i] = math.erf(y[i])


@njit(cache=True)
def add_rows(rows, indices, total):
    """total[indices[n]] += rows[n]:  rows (N, D), indices (N,), total (V, D)."""
    N, D = rows.shape
    for n in range(N):
        for d in range(D):
            total[indices[n], d] += rows[n, d]
