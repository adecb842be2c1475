"""RMSprop: each weight's step is divided by the root mean square of its recent gradients."""

import numpy as np

from nnlite.optim.optimizer import Optimizer, running_average


class RMSprop(Optimizer):
    """Divide the gradient by a running average of its recent magnitude.

        g ← g + weight_decay·w
        v ← alpha·v + (1 − alpha)·g²        v = 0 before the first step
        d = g / (√v + eps)
        b ← momentum·b + d                  b = 0 before the first step; without momentum b = d
        w ← w − lr·b

    w any shape, float32 or float64; g, v, d, b like w.
    Errors: ValueError for a negative lr, eps, weight_decay or momentum, and for alpha outside [0, 1).
    Source: Tieleman & Hinton 2012, Coursera "Neural Networks for Machine Learning", lecture 6e; PyTorch's form, which
    adds eps outside the root. PyTorch's `centered` is left out.
    """

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0):
        super().__init__(params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)

    def update(self, w, g, state, options):
        lr, alpha, eps, momentum = options["lr"], options["alpha"], options["eps"], options["momentum"]
        if options["weight_decay"]:
            g = g + options["weight_decay"] * w

        v = running_average(state, "square_avg", w)
        d = np.multiply(g, g, out=np.empty_like(w))
        d *= 1 - alpha
        v *= alpha
        v += d

        np.sqrt(v, out=d)
        d += eps
        np.divide(g, d, out=d)
        if momentum:
            b = running_average(state, "momentum_buffer", w)
            b *= momentum
            b += d
            w -= lr * b
        else:
            d *= lr
            w -= d
