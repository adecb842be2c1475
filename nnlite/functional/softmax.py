"""Softmax and its logarithm. The largest logit is subtracted first: that changes nothing but keeps e^z from overflowing."""

import numpy as np

from nnlite.tensor import Operation, record


def softmax_array(z, dim=-1):
    """p_c = e^(z_c − m) / Σ_k e^(z_k − m) with m = max z."""
    p = np.exp(z - z.max(axis=dim, keepdims=True))
    p /= p.sum(axis=dim, keepdims=True)
    return p


def log_softmax_array(z, dim=-1):
    """ln p_c = z_c − m − ln Σ_k e^(z_k − m) with m = max z."""
    shifted = z - z.max(axis=dim, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))


class Softmax(Operation):
    """p = softmax(z) along dim;   dz = p (dp − Σ_k dp_k p_k)."""

    def __init__(self, dim):
        self.dim = dim

    def forward(self, z):
        self.p = softmax_array(z, self.dim)
        return self.p

    def backward(self, dp):
        return (self.p * (dp - (dp * self.p).sum(axis=self.dim, keepdims=True)),)


class LogSoftmax(Operation):
    """l = ln softmax(z) along dim;   dz = dl − e^l Σ_k dl_k."""

    def __init__(self, dim):
        self.dim = dim

    def forward(self, z):
        self.l = log_softmax_array(z, self.dim)
        return self.l

    def backward(self, dl):
        return (dl - np.exp(self.l) * dl.sum(axis=self.dim, keepdims=True),)


def softmax(z, dim=-1):
    """Positive numbers that sum to 1 along dim, in the ratios e^z."""
    return record(Softmax(dim), z)


def log_softmax(z, dim=-1):
    """ln softmax(z), without the loss of digits of taking the logarithm afterwards."""
    return record(LogSoftmax(dim), z)
