"""Gradient reversal: what one part of a network learns to tell apart, the part below it learns to hide."""

import math

from nnlite.tensor import Operation, record


class ReverseGradient(Operation):
    """y = x;   dx = −λ dy.

    Source: Ganin & Lempitsky 2015 (arXiv 1409.7495), eq. 9 and 10.
    """

    def __init__(self, strength):
        self.strength = strength

    def forward(self, x):
        return x

    def backward(self, dy):
        return (-self.strength * dy,)


def reverse_gradient(x, strength=1.0):
    """x itself, but the gradient that comes back through it changes its sign and is scaled.

        y = x        dx = −λ dy

    x: a Tensor -> y of its shape and dtype. strength: λ.
    Errors: ValueError for a strength that is negative or not finite.
    Source: Ganin & Lempitsky 2015 (arXiv 1409.7495), eq. 9 and 10.

    >>> from nnlite import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> y = reverse_gradient(x, strength=0.5)
    >>> (y * y).sum().backward()
    >>> y.data.tolist(), x.grad.tolist()
    ([1.0, 2.0], [-1.0, -2.0])
    """
    if not 0 <= strength < math.inf:
        raise ValueError(f"reverse_gradient: strength has to be a number from 0 up, got {strength}")
    return record(ReverseGradient(float(strength)), x)


def ramp(progress):
    """λ rises from 0 to nearly 1 during a training, so that an untrained adversary does not spoil the features.

        λ = 2 / (1 + e^(−10 p)) − 1        p = the share of the training that is done, 0 … 1

    Source: Ganin & Lempitsky 2015 (arXiv 1409.7495), §4, eq. 14.

    >>> ramp(0), round(ramp(0.1), 3), round(ramp(1), 3)
    (0.0, 0.462, 1.0)
    """
    return 2 / (1 + math.exp(-10 * progress)) - 1
