"""Reductions: sum, mean, max and variance over some axes.

`dim` is an axis, a tuple of axes, or None for all; `keepdim` keeps the reduced axes with size 1.
"""

import numpy as np

from nnlite.tensor import Operation, record


class Reduction(Operation):
    """What the reductions share: which axes, and how a gradient is spread over them again."""

    def __init__(self, dim, keepdim):
        self.dim, self.keepdim = dim, keepdim

    def count(self, x):
        """How many numbers of x went into each result."""
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
    """y = max x;   dx = dy at the largest, in equal parts where several are equal (as torch.amax)."""

    def forward(self, x):
        if x.size == 0:
            raise ValueError(f"max: an array of shape {x.shape} holds no numbers")
        self.shape = x.shape
        y = np.max(x, axis=self.dim, keepdims=self.keepdim)
        self.largest = x == self.spread(y, x.shape)
        return y

    def backward(self, dy):
        ties = self.largest.sum(axis=self.dim, keepdims=True).astype(dy.dtype)
        return (self.largest * self.spread(dy, self.shape) / ties,)


class Var(Reduction):
    """y = 1/(n − correction) Σ (x − μ)²;   dx = dy 2 (x − μ) / (n − correction)."""

    def __init__(self, dim, keepdim, correction):
        super().__init__(dim, keepdim)
        self.correction = correction

    def forward(self, x):
        n = self.count(x)
        if n <= self.correction:
            raise ValueError(f"var: {n} numbers with correction {self.correction} leave none to divide by")
        self.centred, self.divisor = x - x.mean(axis=self.dim, keepdims=True), float(n - self.correction)
        return np.sum(self.centred**2, axis=self.dim, keepdims=self.keepdim) / self.divisor

    def backward(self, dy):
        return (self.spread(dy, self.centred.shape) * 2 * self.centred / self.divisor,)


def sum(x, dim=None, keepdim=False):
    """Σ x over `dim`."""
    return record(Sum(dim, keepdim), x)


def mean(x, dim=None, keepdim=False):
    """The mean over `dim`."""
    return record(Mean(dim, keepdim), x)


def max(x, dim=None, keepdim=False):
    """The largest over `dim`: the values only, where torch.max also returns their places (that is torch.amax)."""
    return record(Max(dim, keepdim), x)


def var(x, dim=None, keepdim=False, correction=1):
    """The variance over `dim`, divided by n − correction (1: unbiased, as in PyTorch; 0: of the numbers themselves)."""
    return record(Var(dim, keepdim, correction), x)
