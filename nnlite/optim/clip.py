"""Limits on gradients, between `backward` and `step`.

Source: Goodfellow, Bengio & Courville 2016, Deep Learning, §10.11.1; the names are PyTorch's.
"""

from collections.abc import Iterable
from math import isfinite, sqrt

import numpy as np

from nnlite.optim.optimizer import is_parameter
from nnlite.optim.options import not_negative

# Both functions give each parameter a new array: two parameters may share one gradient array (both terms of a sum do),
# and scaling it in place would scale it twice.


def clip_grad_value_(params, value):
    """Limit every entry of every gradient: g ← min(max(g, −value), value).

    params: Parameters, or a single one; those without a gradient are passed over.
    Errors: ValueError for a negative value; TypeError for anything but Parameters.
    """
    value = not_negative("clip_grad_value_", "value", value)
    for p in _with_gradient("clip_grad_value_", params):
        p.grad = np.asarray(np.clip(p.grad, -value, value))


def clip_grad_norm_(params, max_norm):
    """Shorten the gradient of all parameters together, if it is longer than max_norm; return its length before.

        ‖g‖ = √(Σ_p Σ_i g_pi²)
        g ← g · min(1, max_norm / (‖g‖ + 1e-6))

    params: Parameters, or a single one; those without a gradient are passed over (`_with_gradient`). Returns ‖g‖, a Python
    float, which is computed in float64: a square overflows float32 from 1.8e19 on. A gradient that is shortened is a new
    array of the same dtype, also where two parameters share one; gradients that are short enough stay the same arrays.
    Where ‖g‖ is NaN or infinite, the gradients stay as they are (PyTorch makes them NaN); the result tells.
    Errors: ValueError for a negative max_norm; TypeError for anything but Parameters.
    Source: Pascanu, Mikolov & Bengio 2013 (arXiv 1211.5063), algorithm 1; the 1e-6 is PyTorch's.
    """
    max_norm = not_negative("clip_grad_norm_", "max_norm", max_norm)
    with_gradient = _with_gradient("clip_grad_norm_", params)
    norm = sqrt(sum(float(np.square(p.grad, dtype=np.float64).sum()) for p in with_gradient))
    scale = max_norm / (norm + 1e-6)
    if scale < 1 and isfinite(norm):
        for p in with_gradient:
            p.grad = np.asarray(p.grad * scale)
    return norm


def _with_gradient(owner, params):
    """The Parameters that have a gradient. A single one is not a list of its rows: rows have no gradients."""
    if is_parameter(params):
        params = [params]
    if not isinstance(params, Iterable):
        raise TypeError(f"{owner}: params is a {type(params).__name__}, expects Parameters: model.parameters()")
    params = list(params)
    for p in params:
        if not is_parameter(p):
            raise TypeError(f"{owner}: params holds a {type(p).__name__}, expects Parameters")
    return [p for p in params if p.grad is not None]
