"""RMSprop: each weight's step is divided by the root mean square of its recent gradients.

The rules take w, g, v and b as arrays of one shape, or as single numbers. They return new ones and change none.

Source: Tieleman & Hinton 2012, Coursera "Neural Networks for Machine Learning", lecture 6e; momentum as in PyTorch.
"""

import numpy as np

from nnlite.optim.optimizer import Optimizer, running_average


def rmsprop(w, g, v, lr, alpha, rest, eps, weight_decay):
    """v ← alpha·v + rest·d²,   w ← w − lr·d / (√v + eps)   with d = g + weight_decay·w, rest = 1 − alpha

    -> the new w and v
    """
    d = g + weight_decay * w
    v = alpha * v + rest * (d * d)
    return w - lr * (d / (np.sqrt(v) + eps)), v


def rmsprop_momentum(w, g, v, b, lr, alpha, rest, eps, weight_decay, momentum):
    """v as in `rmsprop`;   b ← momentum·b + d / (√v + eps),   w ← w − lr·b  -> the new w, v and b"""
    d = g + weight_decay * w
    v = alpha * v + rest * (d * d)
    b = momentum * b + d / (np.sqrt(v) + eps)
    return w - lr * b, v, b


class RMSprop(Optimizer):
    """Divide the gradient by a running average of its recent magnitude.

        g ← g + weight_decay·w
        v ← alpha·v + (1 − alpha)·g²        v = 0 before the first step
        d = g / (√v + eps)
        b ← momentum·b + d                  b = 0 before the first step; without momentum b = d
        w ← w − lr·b

    w any shape, float32 or float64; g, v, d, b like w. Denormals count as 0.
    Errors: ValueError for a negative lr, eps, weight_decay or momentum, and for alpha outside [0, 1).
    Source: Tieleman & Hinton 2012, Coursera "Neural Networks for Machine Learning", lecture 6e; PyTorch's form, which
    adds eps outside the root. PyTorch's `centered` is left out.
    """

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0):
        super().__init__(params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)

    def update(self, w, g, state, options):
        alpha, momentum = options["alpha"], options["momentum"]
        numbers = options["lr"], alpha, 1 - alpha, options["eps"], options["weight_decay"]
        v = running_average(state, "square_avg", w)
        if momentum == 0:
            return rmsprop, [v], numbers
        return rmsprop_momentum, [v, running_average(state, "momentum_buffer", w)], (*numbers, momentum)
