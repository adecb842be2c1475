"""Dual numbers: derivatives that travel forwards, together with the values."""

import numpy as np


class Dual:
    """An array of dual numbers x + ẋ ε, where ε is a number with ε² = 0 that is not 0.

        f(x + ẋ ε) = f(x) + (f'(x) ẋ) ε

    value: the array x of floats. dot: the array ẋ of the same shape; a number or a smaller array is broadcast to it. A
    computation with Duals gives, as its `dot`, its derivative in the direction ẋ. Constants have dot = 0.
    """

    __array_ufunc__ = None  # array + dual is left to Dual.__radd__

    def __init__(self, value, dot=0.0):
        self.value = np.asarray(value, float)
        self.dot = np.broadcast_to(np.asarray(dot, float), self.value.shape)

    def __add__(self, y):
        """x + y with broadcasting.   y: a Dual, an array or a number -> Dual"""
        y = as_dual(y)
        return Dual(self.value + y.value, self.dot + y.dot)

    def __mul__(self, y):
        """x y, number by number with broadcasting: work out (x + ẋ ε)(y + ẏ ε).   y: a Dual, an array or a number -> Dual"""
        y = as_dual(y)
        return Dual(self.value * y.value, self.dot * y.value + self.value * y.dot)

    def __truediv__(self, y):
        """x / y, number by number with broadcasting: the z with z y = x.   y: a Dual, an array or a number -> Dual"""
        y = as_dual(y)
        quotient = self.value / y.value
        return Dual(quotient, (self.dot - quotient * y.dot) / y.value)

    def __matmul__(self, y):
        """The matrix product x y: (M, K) (K, N) -> (M, N).   y: a Dual or an array -> Dual"""
        y = as_dual(y)
        return Dual(self.value @ y.value, self.dot @ y.value + self.value @ y.dot)

    def __radd__(self, y):
        return as_dual(y) + self

    def __rmul__(self, y):
        return as_dual(y) * self

    def __rtruediv__(self, y):
        return as_dual(y) / self

    def __rmatmul__(self, y):
        return as_dual(y) @ self

    def __neg__(self):
        return self * -1.0

    def __sub__(self, y):
        return self + -as_dual(y)

    def __rsub__(self, y):
        return as_dual(y) - self


def as_dual(y):
    """y itself if it is a Dual, else y as a constant."""
    return y if isinstance(y, Dual) else Dual(y)


def tanh(x):
    """tanh of each number.   x Dual -> Dual"""
    y = np.tanh(x.value)
    return Dual(y, (1 - y**2) * x.dot)


def relu(x):
    """max(x, 0) of each number; where x is 0 the derivative counts as 0.   x Dual -> Dual"""
    return Dual(np.maximum(x.value, 0), np.where(x.value > 0, x.dot, 0))


def total(x):
    """The sum of all numbers.   x Dual -> Dual of shape ()"""
    return Dual(x.value.sum(), x.dot.sum())


def logsumexp(x):
    """ln Σ_k exp(x_k) over the last axis, also for x = ±1000, where exp(x) alone is inf or 0.   x Dual (…, K) -> Dual (…)"""
    highest = x.value.max(axis=-1, keepdims=True)
    powers = np.exp(x.value - highest)
    sums = powers.sum(axis=-1, keepdims=True)
    return Dual((np.log(sums) + highest)[..., 0], (powers / sums * x.dot).sum(axis=-1))


def directional(f, x, v):
    """f(x) and its derivative in the direction v, lim (f(x + h v) − f(x)) / h, in one pass -> two arrays of f(x)'s shape.

    f: takes a Dual and returns a Dual, an array or a number (then it is constant).   x, v: arrays of one shape.
    Errors: ValueError where v has another shape than x.
    """
    x, v = np.asarray(x, float), np.asarray(v, float)
    if x.shape != v.shape:
        raise ValueError(f"directional: x has shape {x.shape}, v has shape {v.shape}")
    y = as_dual(f(Dual(x, v)))
    return y.value, y.dot


def jacobian(f, x):
    """J[i, j] = ∂f_i/∂x_j, with one pass of f for each number of x; x stays as it is.

    f: takes a Dual and returns a Dual, an array or a number.   x: an array of any shape X -> J of shape F + X, where F is the
    shape of f(x).   x has at least one number.
    """
    x = np.asarray(x, float)
    columns = []
    for j in np.ndindex(x.shape):
        v = np.zeros(x.shape)
        v[j] = 1.0
        columns.append(directional(f, x, v)[1])
    return np.stack(columns, axis=-1).reshape(columns[0].shape + x.shape)
