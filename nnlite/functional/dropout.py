"""Dropout."""

import numpy as np

from nnlite.functional.linear import check_floats
from nnlite.tensor import Operation, Tensor, record


class Dropout(Operation):
    """y = x m / (1 − p), where each number of m is 0 with probability p, else 1;   dx = dy m / (1 − p).

    The division keeps the expected value of y at x, so that inference can use x as it is.
    Source: Srivastava et al. 2014 (JMLR 15), in the "inverted" form that frameworks use.
    """

    def __init__(self, p, rng):
        if not 0 <= p < 1:
            raise ValueError(f"dropout: the probability has to be in [0, 1), got {p}")
        self.p, self.rng = p, rng

    def forward(self, x):
        check_floats("dropout", x)
        self.scale = (self.rng.random(x.shape, np.float32) >= self.p).astype(x.dtype) / x.dtype.type(1 - self.p)
        return x * self.scale

    def backward(self, dy):
        return (dy * self.scale,)


def dropout(x, p=0.5, training=True, rng=None):
    """In training each number of x becomes 0 with probability p, else x/(1 − p); otherwise x itself, as a Tensor.

    x of any shape -> that shape.   p in [0, 1).   rng: a Generator, a seed, or None for a seed of the system.
    Errors, only in training with p ≠ 0: ValueError for a p outside [0, 1), TypeError unless x is float32 or float64.
    """
    if not training or p == 0:
        return x if isinstance(x, Tensor) else Tensor(x)
    return record(Dropout(p, np.random.default_rng(rng)), x)
