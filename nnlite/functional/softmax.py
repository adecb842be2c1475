"""Softmax, its logarithm, and the logarithm of its denominator.

The largest logit is subtracted from all logits first. The result stays the same, but e^z cannot overflow. A logit may be −∞;
its p is then 0.

Source: Bishop 2006, Pattern Recognition and Machine Learning, eq. 4.104 and 4.106; the largest logit: Goodfellow, Bengio &
Courville 2016, Deep Learning, §4.1.
"""

import numpy as np

from nnlite.tensor import Operation, record


def largest(z, dim):
    """m = max z along dim, which stays as an axis of size 1; 0 if z has no numbers."""
    return z.max(axis=dim, keepdims=True) if z.size else 0


def softmax_array(z, dim=-1):
    """p_c = e^(z_c − m) / Σ_k e^(z_k − m) with m = max z; the maximum and the sum over k are taken along dim.

    z of any shape, also without numbers; dim one of its axes -> a new array of z's shape and dtype. A logit −∞ gives p = 0. If
    all logits along dim are −∞, p is NaN.
    """
    p = np.exp(z - largest(z, dim))
    p /= p.sum(axis=dim, keepdims=True)
    return p


def log_softmax_array(z, dim=-1):
    """ln p_c = z_c − m − ln Σ_k e^(z_k − m) with m = max z; the maximum and the sum over k are taken along dim.

    z, dim and the result as in `softmax_array`. A logit −∞ gives −∞. Finite logits give finite numbers, also where p itself is
    so small that it becomes 0.
    """
    shifted = z - largest(z, dim)
    return shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True)) if z.size else shifted


class Softmax(Operation):
    """p = softmax(z) along dim;   dz = p (dp − Σ_k dp_k p_k).

    backward(dp) -> (dz,), a tuple with one array; dp and dz have z's shape. `forward` has left p on self.
    """

    def __init__(self, dim):
        self.dim = dim

    def forward(self, z):
        self.p = softmax_array(z, self.dim)
        return self.p

    def backward(self, dp):
        return (self.p * (dp - (dp * self.p).sum(axis=self.dim, keepdims=True)),)


class LogSoftmax(Operation):
    """l = ln softmax(z) along dim;   dz = dl − e^l Σ_k dl_k.

    backward(dl) -> (dz,), a tuple with one array; dl and dz have z's shape. `forward` has left l on self.
    """

    def __init__(self, dim):
        self.dim = dim

    def forward(self, z):
        self.l = log_softmax_array(z, self.dim)
        return self.l

    def backward(self, dl):
        return (dl - np.exp(self.l) * dl.sum(axis=self.dim, keepdims=True),)


class LogSumExp(Operation):
    """y = ln Σ_k e^(x_k) along dim, computed as m + ln Σ_k e^(x_k − m) with m = max x;   dx_k = dy e^(x_k − y).

    dim: an axis or a tuple of axes; m and the sum over k are taken along them. y has x's shape without these axes; with keepdim
    they stay, with size 1. x is not changed.   forward(x) -> y, backward(dy) -> (dx,), a tuple with one array of x's shape.
    Where every x_k is −∞, y is −∞ and dx is 0.
    Errors: ValueError along an axis that holds no numbers.
    """

    def __init__(self, dim, keepdim):
        self.dim, self.keepdim = dim, keepdim

    def forward(self, x):
        m = x.max(axis=self.dim, keepdims=True)
        m[~np.isfinite(m)] = 0
        e = np.exp(x - m)
        total = e.sum(axis=self.dim, keepdims=True)
        self.p = np.divide(e, total, out=np.zeros_like(e), where=total != 0)
        with np.errstate(divide="ignore"):  # ln 0 = −∞
            y = m + np.log(total)
        return y if self.keepdim else y.squeeze(self.dim)

    def backward(self, dy):
        return ((dy if self.keepdim else np.expand_dims(dy, self.dim)) * self.p,)


def logsumexp(x, dim, keepdim=False):
    """ln Σ eˣ along dim, an axis or a tuple of axes, without overflow; −∞ if every x is −∞.

    x of any shape -> x's shape without dim; with keepdim, dim stays with size 1.
    Errors: ValueError along an axis that holds no numbers.
    """
    return record(LogSumExp(dim, keepdim), x)


def softmax(z, dim=-1):
    """p = e^z / Σ e^z along dim, without overflow: z of any shape -> that shape. The numbers p sum to 1 along dim.

    A logit −∞ gives p = 0. If all logits along dim are −∞, p is NaN.
    """
    return record(Softmax(dim), z)


def log_softmax(z, dim=-1):
    """ln softmax(z) along dim: z of any shape -> that shape. It is finite for finite z, also where softmax(z) rounds to 0."""
    return record(LogSoftmax(dim), z)
