"""Three rules that differ from Adam in how long a step may be: Lion, AMSGrad, RAdam.

w, g and the averages are arrays of one shape, float32 or float64, and of one dtype; all averages are 0 before the first step.
A rule returns new arrays of this dtype and changes none. Numbers such as lr are Python floats.
"""

from math import sqrt

import numpy as np


def lion(w, g, m, lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.0):
    """One step of Lion -> (w, m). Every weight moves by the same length; one average tells the direction.

        c = beta1·m + (1 − beta1)·g             the direction: the average, with this gradient in it
        w ← w − lr·(sign(c) + weight_decay·w)   sign(0) = 0
        m ← beta2·m + (1 − beta2)·g             the average that is kept: another beta

    Both lines use the old m, and the decay the old w.
    Errors: ValueError for a g or an m of another shape than w, and for a beta outside [0, 1).
    Source: Chen et al. 2023 (arXiv 2302.06675), program 1.
    """
    check("lion", w, beta1, beta2, g=g, m=m)
    c = beta1 * m + (1 - beta1) * g
    return w - lr * (np.sign(c) + weight_decay * w), beta2 * m + (1 - beta2) * g


def amsgrad(w, g, m, v, v_max, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Step t = 1, 2, … of AMSGrad -> (w, m, v, v_max). Adam, but the divisor never shrinks.

        m ← beta1·m + (1 − beta1)·g
        v ← beta2·v + (1 − beta2)·g²
        v_max ← max(v_max, v)                   number by number, from the uncorrected v
        m̂ = m / (1 − beta1^t)
        w ← w − lr·m̂ / (√(v_max / (1 − beta2^t)) + eps)

    Where every gradient of a weight has been 0, its step is 0, also with eps = 0 (the formula says 0/0).
    Errors: ValueError for a g, m, v or v_max of another shape than w, a beta outside [0, 1), and a t below 1.
    Source: Reddi, Kale & Kumar 2018, "On the convergence of Adam and beyond", algorithm 2; corrections as in PyTorch.
    """
    check("amsgrad", w, beta1, beta2, t, g=g, m=m, v=v, v_max=v_max)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * (g * g)
    v_max = np.maximum(v_max, v)
    divisor = np.sqrt(v_max / (1 - beta2**t)) + eps
    step = np.divide(m / (1 - beta1**t), divisor, out=np.zeros_like(w), where=divisor > 0)
    return w - lr * step, m, v, v_max


def radam(w, g, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Step t = 1, 2, … of RAdam -> (w, m, v). Adam, but it divides only when v has seen enough, and carefully at first.

        m ← beta1·m + (1 − beta1)·g             m̂ = m / (1 − beta1^t)
        v ← beta2·v + (1 − beta2)·g²            v̂ = v / (1 − beta2^t)

        ρ_∞ = 2 / (1 − beta2) − 1               ρ_t = ρ_∞ − 2t·beta2^t / (1 − beta2^t)

        ρ_t > 4:    r = √( (ρ_t − 4)(ρ_t − 2) ρ_∞ / ((ρ_∞ − 4)(ρ_∞ − 2) ρ_t) )
                    w ← w − lr·r·m̂ / (√v̂ + eps)
        else:       w ← w − lr·m̂               too few gradients to trust v

    ρ_t is about the number of gradients that v averages; ρ_t = ρ_∞ would give r = 1. With a beta2 of 0.6 or less ρ_t never
    exceeds 4.
    Errors: ValueError for a g, m or v of another shape than w, a beta outside [0, 1), and a t below 1.
    Source: Liu et al. 2020 (arXiv 1908.03265), algorithm 2; eps as in Adam. PyTorch begins to divide at ρ_t > 5.
    """
    check("radam", w, beta1, beta2, t, g=g, m=m, v=v)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * (g * g)
    m_hat = m / (1 - beta1**t)
    most = 2 / (1 - beta2) - 1
    length = most - 2 * t * beta2**t / (1 - beta2**t)
    if length <= 4:
        return w - lr * m_hat, m, v
    r = sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length))
    return w - lr * r * (m_hat / (np.sqrt(v / (1 - beta2**t)) + eps)), m, v


def check(name, w, beta1, beta2, t=1, **arrays):
    """ValueError for what the rules refuse."""
    for key, array in arrays.items():
        if array.shape != w.shape:
            raise ValueError(f"{name}: {key} has the shape {array.shape}, w {w.shape}")
    if not (0 <= beta1 < 1 and 0 <= beta2 < 1 and t >= 1):
        raise ValueError(f"{name}: expects betas in [0, 1) and t from 1 up, got {beta1}, {beta2}, {t}")
