"""Functions that jump: round, sign; and the straight-through gradient, with which one trains in spite of the jumps.

The derivative of a staircase is 0 on every step, so a loss that sees a parameter only through `round` never moves it. The
straight-through estimator keeps the rounded value and passes the gradient on as if nothing had been rounded.

Source: Bengio, Léonard & Courville 2013 (arXiv 1308.3432), §4; the names round and sign are PyTorch's.
"""

import numpy as np

from nnlite.tensor import Operation, record


class Round(Operation):
    """y = the whole number nearest to x, of two equally near ones the even one;   dx = 0."""

    def forward(self, x):
        return np.rint(x)

    def backward(self, dy):
        return (np.zeros_like(dy),)


class Sign(Operation):
    """y = 1 where x > 0, −1 where x < 0, 0 where x = 0;   dx = 0."""

    def forward(self, x):
        return np.sign(x)

    def backward(self, dy):
        return (np.zeros_like(dy),)


class StraightThrough(Operation):
    """z = y;   dx = dz, and y gets no gradient."""

    def forward(self, x, y):
        if x.shape != y.shape:
            raise ValueError(f"straight_through: x has shape {x.shape}, y has {y.shape}; they have to be equal")
        return y

    def backward(self, dz):
        return dz, None


def round(x):
    """The nearest whole number, halves to the even neighbour: x of any shape -> that shape and dtype.

    Its gradient is 0 everywhere; `straight_through(x, round(x))` passes the gradient on.

    >>> round([0.5, 1.5, 1.6, -2.5])
    Tensor([ 0.,  2.,  2., -2.])
    """
    return record(Round(), x)


def sign(x):
    """1, 0 or −1, number by number: x of any shape -> that shape and dtype. Its gradient is 0 everywhere."""
    return record(Sign(), x)


def straight_through(x, y):
    """The value of y, with the gradient of x: what `y` was computed from x by (rounding, a sign) counts as the identity.

        z = y        dx = dz        dy = 0

    x, y: the same shape -> z of that shape. y is usually a function of x; what it is made of gets no gradient through it.
    Errors: ValueError for two shapes.
    Source: Bengio, Léonard & Courville 2013 (arXiv 1308.3432), §4.

    >>> from nnlite import Tensor
    >>> x = Tensor([0.4, 1.6], requires_grad=True)
    >>> z = straight_through(x, round(x))
    >>> z.sum().backward()
    >>> z.data.tolist(), x.grad.tolist()
    ([0.0, 2.0], [1.0, 1.0])
    """
    return record(StraightThrough(), x, y)
