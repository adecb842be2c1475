"""Powers: xᵖ for a number p, and for p a Tensor or an array.

Source: the derivatives are any calculus textbook's; the names are PyTorch's, and so is the gradient at 0.
"""

from numbers import Number

import numpy as np

from nnlite.functional.elementwise import check_broadcast, unbroadcast
from nnlite.tensor import Operation, record


class Power(Operation):
    """y = xᵖ for a number p;   dx = dy p xᵖ⁻¹, and 0 everywhere for p = 0, also at x = 0."""

    def __init__(self, p):
        self.p = p

    def forward(self, x):
        self.x = x
        return x**self.p

    def backward(self, dy):
        below = 0 if self.p == 0 else self.p - 1  # 0⁻¹ would make NaN of 0 · 0⁻¹
        return (dy * self.p * self.x**below,)


class PowerOfArrays(Operation):
    """z = xᵖ, number by number with broadcasting.

        dx = dz p xᵖ⁻¹        dp = dz z ln x

    Where the formulas would give 0 · ∞: dx = 0 where p = 0; dp = 0 where z = 0 (0 to a positive power, or ∞ to a negative one)
    and where x = p = 0, with z = 0⁰ = 1. Where x < 0, z is real only for whole p, and NaN for others; dp is NaN there, because
    xᵖ has no derivative with respect to p.
    """

    def forward(self, x, p):
        check_broadcast("power", x.shape, p.shape)
        self.x, self.p, self.z = x, p, x**p
        return self.z

    def backward(self, dz):
        x, p, z = self.x, self.p, self.z
        dx = dp = None
        if self.needs_gradient(0):
            dx = unbroadcast(dz * p * x ** np.where(p == 0, 0, p - 1), x.shape)
        if self.needs_gradient(1):
            flat = (z == 0) | ((x == 0) & (p == 0))
            dp = unbroadcast(dz * z * np.log(np.where(flat, 1, x)), p.shape)
        return dx, dp


def power(x, p):
    """xᵖ, number by number: p is a number, or an array or Tensor, which broadcasts with x and also gets a gradient.

    0⁰ is 1. A negative x to a power that is not whole is NaN. `Power` and `PowerOfArrays` have the gradients.
    Errors: ValueError for shapes that do not broadcast together.
    """
    if isinstance(p, Number):
        return record(Power(p.item() if isinstance(p, np.generic) else p), x)
    return record(PowerOfArrays(), x, p)
