"""Dropout."""

import numpy as np

from nnlite.functional.linear import check_floats
from nnlite.tensor import Operation, Tensor, record


class Dropout(Operation):
    """y = x m / (1 − p), each m 0 with probability p, else 1;   dx = dy m / (1 − p).

    The division keeps the expected value of y at x, so nothing has to change at inference.
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
    """Zeros with probability p while training, x itself otherwise; rng is a Generator or a seed."""
    if not training or p == 0:
        return x if isinstance(x, Tensor) else Tensor(x)
    return record(Dropout(p, np.random.default_rng(rng)), x)
