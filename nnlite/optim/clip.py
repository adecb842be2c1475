"""Limits on gradients, between `backward` and `step`."""

from math import isfinite, sqrt

import numpy as np

from nnlite.optim.options import not_negative

# Both functions give each parameter a new array: two parameters may share one gradient array (both terms of a sum do),
# and scaling it in place would scale it twice.


def clip_grad_value_(params, value):
    """Limit every entry of every gradient: g ← min(max(g, −value), value).

    params iterable of Parameters; those without a gradient are passed over.
    Errors: ValueError for a negative value.
    """
    value = not_negative("clip_grad_value_", "value", value)
    for p in params:
        if p.grad is not None:
            p.grad = np.asarray(np.clip(p.grad, -value, value))


def clip_grad_norm_(params, max_norm):
    """Shorten the gradient of all parameters together, if it is longer than max_norm; return its length before.

        ‖g‖ = √(Σ_p Σ_i g_pi²)
        g ← g · min(1, max_norm / (‖g‖ + 1e-6))

    params iterable of Parameters; those without a gradient are passed over. Returns ‖g‖, a Python float.
    Where ‖g‖ is NaN or infinite, the gradients stay as they are (PyTorch makes them NaN); the result tells.
    Errors: ValueError for a negative max_norm.
    Source: Pascanu, Mikolov & Bengio 2013 (arXiv 1211.5063), algorithm 1; the 1e-6 is PyTorch's.
    """
    max_norm = not_negative("clip_grad_norm_", "max_norm", max_norm)
    with_gradient = [p for p in params if p.grad is not None]
    # In float64, since a square overflows float32 from 1.8e19 on.
    norm = sqrt(sum(float(np.square(p.grad, dtype=np.float64).sum()) for p in with_gradient))
    scale = max_norm / (norm + 1e-6)
    if scale < 1 and isfinite(norm):
        for p in with_gradient:
            p.grad = np.asarray(p.grad * scale)
    return norm
