"""Choosing between numbers: clamp, maximum, minimum, where.

Source: the derivatives are any calculus textbook's; the names are PyTorch's, and so are the gradients at a tie and at a limit.
"""

import numpy as np

from nnlite.functional.elementwise import check_broadcast, unbroadcast
from nnlite.tensor import Operation, Tensor, record


class Clamp(Operation):
    """y = min(max(x, low), high);   dx = dy where low ≤ x ≤ high, else 0."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def forward(self, x):
        self.inside = np.ones(x.shape, bool)
        if self.low is not None:
            self.inside &= x >= self.low
        if self.high is not None:
            self.inside &= x <= self.high
        return np.clip(x, self.low, self.high).astype(x.dtype, copy=False)  # limits in float64 do not make y so

    def backward(self, dy):
        return (dy * self.inside,)


class Maximum(Operation):
    """z = max(x, y), NaN where x or y is NaN;   dx = dz where x > y, dz/2 where x = y, else 0; dy likewise."""

    name, function = "maximum", np.maximum

    def forward(self, x, y):
        check_broadcast(self.name, x.shape, y.shape)
        z = self.function(x, y)
        self.shapes, self.is_x, self.is_y = (x.shape, y.shape), z == x, z == y
        return z

    def backward(self, dz):
        share = np.where(self.is_x & self.is_y, 0.5 * dz, dz)
        return unbroadcast(share * self.is_x, self.shapes[0]), unbroadcast(share * self.is_y, self.shapes[1])


class Minimum(Maximum):
    """z = min(x, y), NaN where x or y is NaN;   dx = dz where x < y, dz/2 where x = y, else 0; dy likewise."""

    name, function = "minimum", np.minimum


class Where(Operation):
    """z = x where the condition holds, else y;   dx = dz there, dy = dz elsewhere."""

    def forward(self, condition, x, y):
        check_broadcast("where", condition.shape, x.shape, y.shape)
        self.condition, self.shapes = np.array(condition, bool), (x.shape, y.shape)  # a copy: backward reads it
        return np.where(self.condition, x, y)

    def backward(self, dz):
        return (None, unbroadcast(np.where(self.condition, dz, 0), self.shapes[0]),
                unbroadcast(np.where(self.condition, 0, dz), self.shapes[1]))


def clamp(x, min=None, max=None):
    """min(max(x, low), high) with low = `min` and high = `max`: x of any shape -> that shape and dtype.

    min, max: a number, or None for no limit. The gradient flows where low ≤ x ≤ high.
    """
    return record(Clamp(min, max), x)


def maximum(x, y):
    """The larger of x and y, number by number with broadcasting; NaN where x or y is NaN.

    Errors: ValueError for shapes that do not broadcast together.
    """
    return record(Maximum(), x, y)


def minimum(x, y):
    """The smaller of x and y, number by number with broadcasting; NaN where x or y is NaN.

    Errors: ValueError for shapes that do not broadcast together.
    """
    return record(Minimum(), x, y)


def where(condition, x, y):
    """x where `condition` (an array or Tensor of booleans) is True, else y; all three broadcast.

    The gradient flows to x and y, never to the condition.
    Errors: ValueError for shapes that do not broadcast together.
    """
    condition = condition.detach() if isinstance(condition, Tensor) and condition.requires_grad else condition
    return record(Where(), condition, x, y)
