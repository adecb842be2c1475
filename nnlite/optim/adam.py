"""Adam and AdamW: momentum, and a step size for each weight; they differ in where weight decay enters."""

from math import sqrt

import numpy as np

from nnlite.optim.optimizer import Optimizer, running_average


class Adam(Optimizer):
    """Adam: a running average of the gradient, divided by the root of a running average of its square.

        g ← g + weight_decay·w              coupled: the decay is averaged and divided like any gradient
        m ← beta1·m + (1 − beta1)·g         m = v = 0 before the first step
        v ← beta2·v + (1 − beta2)·g²
        m̂ = m / (1 − beta1^t)               t = 1, 2, ... counts the steps; without this division the
        v̂ = v / (1 − beta2^t)               averages, which start at 0, would be too small at first
        w ← w − lr·m̂ / (√v̂ + eps)

    w any shape, float32 or float64; g, m, v like w.
    Errors: ValueError for a negative lr, eps or weight_decay, and for a beta outside [0, 1).
    Source: Kingma & Ba 2015 (arXiv 1412.6980), algorithm 1; weight_decay as in PyTorch, whose `amsgrad` is left out.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(self, w, g, state, options):
        if options["weight_decay"]:
            g = g + options["weight_decay"] * w
        adam_update(w, g, state, options)


class AdamW(Optimizer):
    """Adam with decoupled weight decay: every weight shrinks by the same factor, however large its gradients are.

        w ← w·(1 − lr·weight_decay)
        w ← w − lr·m̂ / (√v̂ + eps)           m̂, v̂ as in Adam, from the gradient alone

    w any shape, float32 or float64.
    Errors: as Adam.
    Source: Loshchilov & Hutter 2019 (arXiv 1711.05101), algorithm 2, whose λ is lr·weight_decay here, as in PyTorch.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(self, w, g, state, options):
        if options["weight_decay"]:
            w *= 1 - options["lr"] * options["weight_decay"]
        adam_update(w, g, state, options)


def adam_update(w, g, state, options):
    """The part that Adam and AdamW share: advance t, m and v, and move w by −lr·m̂ / (√v̂ + eps)."""
    lr, (beta1, beta2), eps = options["lr"], options["betas"], options["eps"]
    t = state["step"] = state.get("step", 0) + 1
    m = running_average(state, "exp_avg", w)
    v = running_average(state, "exp_avg_sq", w)

    # `d` is the one temporary array: each line below reads and writes memory once.
    d = np.multiply(g, 1 - beta1, out=np.empty_like(w))
    m *= beta1
    m += d

    np.multiply(g, g, out=d)
    d *= 1 - beta2
    v *= beta2
    v += d

    np.sqrt(v, out=d)
    d /= sqrt(1 - beta2**t)  # √v̂
    d += eps
    np.divide(m, d, out=d)
    d *= lr / (1 - beta1**t)  # lr·m̂ / (√v̂ + eps)
    w -= d
