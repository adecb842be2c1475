"""Adam and AdamW: momentum, and a step size for each weight; they differ in where weight decay enters."""

from math import sqrt

import numpy as np

from nnlite.optim.optimizer import Optimizer, running_average


def adam(w, g, m, v, rate, beta1, rest1, beta2, rest2, eps, coupled, keep):
    """Step t of Adam and AdamW, with d = g + coupled·w:

        m ← beta1·m + rest1·d               rest1 = 1 − beta1       rate = lr √(1 − beta2^t) / (1 − beta1^t)
        v ← beta2·v + rest2·d²              rest2 = 1 − beta2       eps: the user's times √(1 − beta2^t)
        w ← keep·w − rate·m / (√v + eps)

    Adam has coupled = weight_decay, keep = 1; AdamW coupled = 0, keep = 1 − lr·weight_decay. The two numbers `rate` and `eps`
    hold the corrections m̂ and v̂, which saves two divisions for each weight: Kingma & Ba 2015, end of §2.
    w, g, m, v: arrays of one shape, or single numbers -> the new w, m and v; the given ones are not changed.
    """
    d = g + coupled * w
    m = beta1 * m + rest1 * d
    v = beta2 * v + rest2 * (d * d)
    return keep * w - rate * (m / (np.sqrt(v) + eps)), m, v


class Adam(Optimizer):
    """Adam: a running average of the gradient, divided by the root of a running average of its square.

        g ← g + weight_decay·w              coupled: the decay is averaged and divided like any gradient
        m ← beta1·m + (1 − beta1)·g         m = v = 0 before the first step
        v ← beta2·v + (1 − beta2)·g²
        m̂ = m / (1 − beta1^t)               t = 1, 2, ... counts the steps; without this division the
        v̂ = v / (1 − beta2^t)               averages, which start at 0, would be too small at first
        w ← w − lr·m̂ / (√v̂ + eps)

    w any shape, float32 or float64; g, m, v like w. Denormals count as 0: with eps = 0 a gradient below 1e-19 may give 0/0.
    Errors: ValueError for a negative lr, eps or weight_decay, and for a beta outside [0, 1).
    Source: Kingma & Ba 2015 (arXiv 1412.6980), algorithm 1; weight_decay as in PyTorch, whose `amsgrad` is left out.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(self, w, g, state, options):
        return adam_update(w, state, options, coupled=options["weight_decay"], keep=1.0)


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
        return adam_update(w, state, options, coupled=0.0, keep=1 - options["lr"] * options["weight_decay"])


def adam_update(w, state, options, coupled, keep):
    """What the rule `adam` needs for parameter w in its next step t -> (adam, [m, v], numbers), see `Optimizer.update`.

    state: the parameter's; its entry "step" becomes t, which is 1 the first time. `running_average` finds or makes m as
    "exp_avg" and v as "exp_avg_sq".   options: "lr", "betas" (beta1 and beta2) and the user's "eps".
    numbers: rate to keep, in the order of `adam`'s arguments and as defined there; coupled and keep are handed on.
    """
    (beta1, beta2), eps = options["betas"], options["eps"]
    t = state["step"] = state.get("step", 0) + 1
    m = running_average(state, "exp_avg", w)
    v = running_average(state, "exp_avg_sq", w)
    root = sqrt(1 - beta2**t)  # m̂ / (√v̂ + eps) = root / (1 − beta1^t) · m / (√v + root·eps)
    rate = options["lr"] * root / (1 - beta1**t)
    return adam, [m, v], (rate, beta1, 1 - beta1, beta2, 1 - beta2, root * eps, coupled, keep)
