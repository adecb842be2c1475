"""Losses between two arrays of numbers: the squared error, the absolute error, and Huber's, squared near 0 and linear beyond.

Source: Hastie, Tibshirani & Friedman 2009, The Elements of Statistical Learning, §10.6; the names are PyTorch's.
"""

import numpy as np

from nnlite.functional.loss import array, as_tensor, check_same_shape, reduce
from nnlite.tensor import Operation, Tensor, record


class SquaredError(Operation):
    """l = (x − y)²;   dx = 2 (x − y) dl, dy = −dx."""

    def forward(self, x, y):
        self.difference = x - y
        return self.difference**2

    def backward(self, dl):
        dx = 2 * self.difference * dl
        return dx, -dx


class AbsoluteError(Operation):
    """l = |x − y|;   dx = sign(x − y) dl, dy = −dx; both are 0 at x = y."""

    def forward(self, x, y):
        self.difference = x - y
        return np.abs(self.difference)

    def backward(self, dl):
        dx = np.sign(self.difference) * dl
        return dx, -dx


class Huber(Operation):
    """l = ½ e² where |e| ≤ δ, else δ (|e| − ½ δ), with e = x − y;   dx = clamp(e, −δ, δ) dl, dy = −dx.

    Source: Huber 1964, Annals of Mathematical Statistics 35(1).
    """

    def __init__(self, delta):
        if not delta > 0:
            raise ValueError(f"huber_loss: delta has to be above 0, got {delta}")
        self.delta = float(delta)  # a NumPy float64 would make l float64

    def forward(self, x, y):
        self.e = x - y
        size = np.abs(self.e)
        return np.where(size <= self.delta, 0.5 * self.e**2, self.delta * (size - 0.5 * self.delta))

    def backward(self, dl):
        dx = np.clip(self.e, -self.delta, self.delta) * dl
        return dx, -dx


def mse_loss(x, y, *, reduction="mean"):
    """The squared error, by default its mean: 1/n Σ (x − y)² over all n elements.

    x, y: both of the same shape, which may be any -> a single number; with reduction "none" that shape. Gradients flow to x and
    y. If y is an array, it is converted to x's dtype.
    reduction: "mean", "sum" or "none".
    Errors: TypeError for a tuple in the place of x. ValueError if the shapes differ, for another reduction, and for the mean of
    no elements.
    """
    return reduce(record(SquaredError(), *_pair("mse_loss", x, y)), reduction)


def l1_loss(x, y, *, reduction="mean"):
    """The absolute error, by default its mean: 1/n Σ |x − y| over all n elements.

    Shapes, dtypes, reductions and errors as in `mse_loss`. Where x = y the gradient is 0.
    """
    return reduce(record(AbsoluteError(), *_pair("l1_loss", x, y)), reduction)


def huber_loss(x, y, *, reduction="mean", delta=1.0):
    """Huber's loss, by default its mean: ½(x − y)² where |x − y| ≤ delta, delta·(|x − y| − ½ delta) elsewhere.

    Large errors count linearly, so that outliers do not dominate. Shapes, dtypes, reductions and errors as in `mse_loss`; also
    ValueError for a delta that is not above 0. Source: Huber 1964, Annals of Mathematical Statistics 35(1).
    """
    return reduce(record(Huber(delta), *_pair("huber_loss", x, y)), reduction)


def _pair(name, x, y):
    """x and y as Tensors of the same shape; an array y in x's dtype if that is a float dtype."""
    x = as_tensor(x)
    if not isinstance(y, Tensor):
        y = Tensor(array(y).astype(x.dtype) if x.dtype.kind == "f" else y)
    check_same_shape(name, x, y)
    return x, y
