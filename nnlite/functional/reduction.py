"""Reductions over some axes: sum, mean, max, min, variance, standard deviation and norm.

`dim` is an axis, a tuple of axes, or None for all; `keepdim` keeps the reduced axes with size 1.

Source: the derivatives are any calculus textbook's; the names are PyTorch's, and so are ties and `correction`.
"""

import math

import numpy as np

from nnlite.functional.elementary import absolute
from nnlite.tensor import Operation, record


class Reduction(Operation):
    """What the reductions share: the axes, and how a gradient is spread over these axes again."""

    def __init__(self, dim, keepdim):
        self.dim, self.keepdim = dim, keepdim

    def count(self, x):
        """From how many numbers of x each result is computed."""
        return x.size // np.sum(x, axis=self.dim).size if x.size else 0

    def spread(self, y, shape):
        """Put the reduced axes back with size 1, so that y broadcasts against `shape`."""
        if self.dim is None:
            return np.reshape(y, (1,) * len(shape))
        return y if self.keepdim else np.expand_dims(y, self.dim)


class Sum(Reduction):
    """y = Σ x;   dx = dy."""

    def forward(self, x):
        self.shape = x.shape
        return np.sum(x, axis=self.dim, keepdims=self.keepdim)

    def backward(self, dy):
        return (np.broadcast_to(self.spread(dy, self.shape), self.shape),)


class Mean(Reduction):
    """y = 1/n Σ x;   dx = dy / n."""

    def forward(self, x):
        if x.size == 0:
            raise ValueError(f"mean: an array of shape {x.shape} holds no numbers")
        self.shape, self.n = x.shape, self.count(x)
        return np.mean(x, axis=self.dim, keepdims=self.keepdim)

    def backward(self, dy):
        return (np.broadcast_to(self.spread(dy, self.shape) / self.n, self.shape),)


class Max(Reduction):
    """y = max x;   dx = dy at the largest number; several equal ones get equal parts of dy (as torch.amax)."""

    name, function = "max", np.max

    def forward(self, x):
        if x.size == 0:
            raise ValueError(f"{self.name}: an array of shape {x.shape} holds no numbers")
        self.shape = x.shape
        y = type(self).function(x, axis=self.dim, keepdims=self.keepdim)
        self.is_y = x == self.spread(y, x.shape)
        return y

    def backward(self, dy):
        ties = self.is_y.sum(axis=self.dim, keepdims=True).astype(dy.dtype)
        return (self.is_y * self.spread(dy, self.shape) / ties,)


class Min(Max):
    """y = min x;   dx = dy at the smallest number; several equal ones get equal parts of dy (as torch.amin)."""

    name, function = "min", np.min


class Var(Reduction):
    """y = 1/(n − correction) Σ (x − μ)²;   dx = dy 2 (x − μ) / (n − correction)."""

    def __init__(self, dim, keepdim, correction):
        super().__init__(dim, keepdim)
        self.correction = correction

    def forward(self, x):
        return self.variance(x, "var")

    def variance(self, x, name):
        n = self.count(x)
        if n <= self.correction:
            raise ValueError(f"{name}: {n} numbers with correction {self.correction} leave none to divide by")
        self.centred, self.divisor = x - x.mean(axis=self.dim, keepdims=True), float(n - self.correction)
        return np.sum(self.centred**2, axis=self.dim, keepdims=self.keepdim) / self.divisor

    def backward(self, dy):
        return (self.spread(dy, self.centred.shape) * 2 * self.centred / self.divisor,)


class Std(Var):
    """y = √(1/(n − correction) Σ (x − μ)²);   dx = dy (x − μ)/((n − correction) y), and 0 where y = 0."""

    def forward(self, x):
        self.y = np.sqrt(self.variance(x, "std"))
        return self.y

    def backward(self, dy):
        dy = np.divide(dy, self.y, out=np.zeros_like(dy), where=self.y != 0)
        return (self.spread(dy, self.centred.shape) * self.centred / self.divisor,)


class Norm(Reduction):
    """y = (Σ |x|ᵖ)^(1/p) for 1 ≤ p < ∞;   dx = dy sign(x) (|x|/y)ᵖ⁻¹, and 0 where y = 0."""

    def __init__(self, p, dim, keepdim):
        super().__init__(dim, keepdim)
        self.p = float(p)  # a NumPy float64 would make y float64

    def forward(self, x):
        self.x = x
        self.y = np.sum(np.abs(x) ** self.p, axis=self.dim, keepdims=self.keepdim) ** (1 / self.p)
        return self.y

    def backward(self, dy):
        x, y, dy = self.x, self.spread(self.y, self.x.shape), self.spread(dy, self.x.shape)
        ratio = np.divide(np.abs(x), y, out=np.zeros_like(x), where=y != 0)
        return (dy * np.sign(x) * ratio ** (self.p - 1),)


def sum(x, dim=None, keepdim=False):
    """Σ x over `dim`; 0 for no numbers.   dim, keepdim: as at the top of this file."""
    return record(Sum(dim, keepdim), x)


def mean(x, dim=None, keepdim=False):
    """The mean over `dim`.   dim, keepdim: as at the top of this file.   Errors: ValueError for an x without numbers."""
    return record(Mean(dim, keepdim), x)


def max(x, dim=None, keepdim=False):
    """The largest number over `dim`; NaN if one of the numbers is NaN.   dim, keepdim: as at the top of this file.

    It returns the values only, as torch.amax does; torch.max also returns their places.
    Errors: ValueError for an x without numbers.
    """
    return record(Max(dim, keepdim), x)


def min(x, dim=None, keepdim=False):
    """The smallest number over `dim`; NaN if one of the numbers is NaN.   dim, keepdim: as at the top of this file.

    It returns the values only, as torch.amin does; torch.min also returns their places.
    Errors: ValueError for an x without numbers.
    """
    return record(Min(dim, keepdim), x)


def std(x, dim=None, keepdim=False, correction=1):
    """The standard deviation over `dim`: the square root of `var`, with its options and errors. Where it is 0, so is dx."""
    return record(Std(dim, keepdim, correction), x)


def norm(x, p=2, dim=None, keepdim=False):
    """(Σ |x|ᵖ)^(1/p) over `dim`: p = 2 is the length, p = 1 the sum of the absolute values, p = inf the largest of them.

    p ≥ 1: a number.   dim, keepdim: as at the top of this file. Where the norm is 0, its gradient is 0.
    Errors: ValueError for p < 1, which does not give a norm; with p = inf also for an x without numbers.
    """
    if not p >= 1:
        raise ValueError(f"norm: p has to be at least 1, got {p}")
    return max(absolute(x), dim, keepdim) if math.isinf(p) else record(Norm(p, dim, keepdim), x)


def var(x, dim=None, keepdim=False, correction=1):
    """The variance over `dim`: Σ (x − μ)², of n numbers, divided by n − correction.   dim, keepdim: as at the top of this file.

    correction: 1 for the unbiased variance, as in PyTorch; 0 for the variance of the n numbers themselves.
    Errors: ValueError unless n > correction.
    """
    return record(Var(dim, keepdim, correction), x)
