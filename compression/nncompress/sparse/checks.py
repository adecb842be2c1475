"""The checks of weights and inputs that both storage forms share."""

import numpy as np


def check_weights(caller, w):
    """w as an array.   TypeError unless float32; ValueError unless it is a matrix with at least one row and one column."""
    w = np.asarray(w)
    if w.dtype != np.float32:
        raise TypeError(f"{caller}: w is {w.dtype}, expects float32")
    if w.ndim != 2 or w.size == 0:
        raise ValueError(f"{caller}: w has shape {w.shape}, expects (O, I) with at least one row and one column")
    return w


def check_input(caller, x, shape):
    """x as a C-contiguous array.   TypeError unless float32; ValueError unless (B, I) with the I of w's shape."""
    x = np.asarray(x)
    if x.dtype != np.float32:
        raise TypeError(f"{caller}: x is {x.dtype}, expects float32")
    if x.ndim != 2 or x.shape[1] != shape[1]:
        raise ValueError(f"{caller}: x has shape {x.shape}, w {shape} expects (B, {shape[1]})")
    return np.ascontiguousarray(x)
