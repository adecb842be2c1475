"""Binary cross-entropy: each element is a question of its own, answered by yes (1) or no (0).

Source: Bishop 2006, Pattern Recognition and Machine Learning, eq. 4.90 and 4.91; the limit of −100 and pos_weight are
PyTorch's.
"""

import numpy as np

from nnlite.functional.loss import array, as_tensor, check_same_shape, reduce, times_log
from nnlite.tensor import Operation, record


class BinaryCrossEntropy(Operation):
    """l = −[y ln p + (1 − y) ln(1 − p)];   dp = (p − y)/(p (1 − p)) dl.

    The article's formula A4, with hard or soft labels y in [0, 1] and a probability p. As in PyTorch, a logarithm below −100
    is replaced by −100, so that p = 0 or 1 gives a finite loss. In the gradient, p (1 − p) is replaced by 1e-12 if it is less.
    """

    def __init__(self, y):
        self.y = y

    def forward(self, p):
        if p.size and not (np.min(p) >= 0 and np.max(p) <= 1):
            raise ValueError(f"binary_cross_entropy: probabilities from {np.min(p):.6g} to {np.max(p):.6g}, expected 0 to 1; "
                             "for logits there is binary_cross_entropy_with_logits")
        self.p = p
        with np.errstate(divide="ignore"):
            return -(self.y * np.maximum(np.log(p), -100) + (1 - self.y) * np.maximum(np.log(1 - p), -100))

    def backward(self, dl):
        return (dl * (self.p - self.y) / np.maximum(self.p * (1 - self.p), 1e-12),)


class BinaryCrossEntropyWithLogits(Operation):
    """l = −[a ln σ(z) + b ln(1 − σ(z))] with a = w y, b = 1 − y;   dz = ((a + b) σ(z) − a) dl.

        ln σ(z) = −max(−z, 0) − ln(1 + e^−|z|)          ln(1 − σ(z)) = −max(z, 0) − ln(1 + e^−|z|)

    w: the weight of the positive class. With w = 1 this is BinaryCrossEntropy of p = σ(z), and dz = (σ(z) − y) dl. The first
    term is 0 where a = 0 and the second where b = 0, also for an infinite z.
    """

    def __init__(self, y, pos_weight=1):
        self.a, self.b = pos_weight * y, 1 - y

    def forward(self, z):
        self.z = z
        rest = np.log1p(np.exp(-np.abs(z)))
        return -times_log(self.a, -np.maximum(-z, 0) - rest) - times_log(self.b, -np.maximum(z, 0) - rest)

    def backward(self, dl):
        sigmoid = 0.5 * (1 + np.tanh(0.5 * self.z))
        return (dl * ((self.a + self.b) * sigmoid - self.a),)


def binary_cross_entropy(p, y, *, reduction="mean"):
    """The cross-entropy of a yes-or-no label and a probability: the article's A4 to the letter.

        l = −1/n Σ [y ln p + (1 − y) ln(1 − p)]          over all n elements

    p: probabilities; y: labels in [0, 1]; both of the same shape, which may be any -> a single number; with reduction "none"
    that shape. The gradient flows to p only; y is converted to p's dtype. As in PyTorch, a logarithm below −100 counts as −100,
    so p = 0 or 1 gives a finite loss.
    reduction: "mean", "sum" or "none".
    Errors: ValueError if the shapes differ, if p or y is outside [0, 1] or NaN, for another reduction, and for the mean of no
    elements.
    """
    p, y = _checked("binary_cross_entropy", p, y)
    return reduce(record(BinaryCrossEntropy(y), p), reduction)


def binary_cross_entropy_with_logits(z, y, *, pos_weight=None, reduction="mean"):
    """binary_cross_entropy(sigmoid(z), y), without overflow for large |z|; a term whose factor y or 1 − y is 0 is 0.

        l = −1/n Σ [w y ln σ(z) + (1 − y) ln(1 − σ(z))]          over all n elements

    z: logits; y: labels in [0, 1]; both of the same shape, which may be any -> a single number; with reduction "none" that
    shape. The gradient flows to z only; y is converted to z's dtype.
    pos_weight: w, the weight of the label 1: a number, or an array that broadcasts to z's shape, such as one number for each
    column. With few positive examples, w = negatives/positives balances the two.
    reduction: "mean", "sum" or "none".
    Errors: ValueError if the shapes differ, if y is outside [0, 1] or NaN, for a pos_weight that is negative, NaN or does not
    broadcast, for another reduction, and for the mean of no elements.
    """
    name = "binary_cross_entropy_with_logits"
    z, y = _checked(name, z, y)
    if pos_weight is None:
        return reduce(record(BinaryCrossEntropyWithLogits(y), z), reduction)
    w = array(pos_weight).astype(z.dtype)
    if not (w >= 0).all():
        raise ValueError(f"{name}: pos_weight holds {w.min():.6g}, expects numbers ≥ 0")
    try:
        np.broadcast_to(w, z.shape)
    except ValueError:
        raise ValueError(f"{name}: pos_weight {w.shape} does not broadcast to the logits' shape {z.shape}") from None
    return reduce(record(BinaryCrossEntropyWithLogits(y, w), z), reduction)


def _checked(name, x, y):
    x = as_tensor(x)
    y = array(y).astype(x.dtype)
    check_same_shape(name, x, y)
    if y.size and not (y.min() >= 0 and y.max() <= 1):
        raise ValueError(f"{name}: labels from {y.min():.6g} to {y.max():.6g}, expected 0 to 1")
    return x, y
