"""What the tests ask of your code: each function computes with your functions and returns arrays and numbers.

First the empty packages of this handout get the names that your files import.
"""

import numpy as np

import nnlite
from nnlite import functional, kernels, nn
from nnlite.nn import module
from nnlite.tensor import Tensor

kernels.to_nchw = np.ascontiguousarray
from nnlite.functional import elementwise, reduction, shape  # noqa: E402


def matmul(x, y):
    """x (M, K) @ y (K, N)"""
    x, y = (z if isinstance(z, Tensor) else Tensor(z) for z in (x, y))
    return (x.reshape(*x.shape, 1) * y.reshape(1, *y.shape)).sum(dim=1)


nnlite.Tensor, nn.Module = Tensor, module.Module
for source, names in ((elementwise, ["add", "subtract", "multiply", "divide", "negative"]), (reduction, ["sum", "mean"]),
                      (shape, ["reshape", "transpose"])):
    for name in names:
        setattr(functional, name, getattr(source, name))
functional.matmul = matmul
for name, function in (("add", elementwise.add), ("sub", elementwise.subtract), ("mul", elementwise.multiply),
                       ("truediv", elementwise.divide), ("matmul", matmul)):
    setattr(Tensor, f"__{name}__", lambda x, y, function=function: function(x, y))
    setattr(Tensor, f"__r{name}__", lambda x, y, function=function: function(y, x))
Tensor.__neg__, Tensor.sum, Tensor.mean = elementwise.negative, reduction.sum, reduction.mean
Tensor.reshape, Tensor.transpose = shape.reshape, shape.transpose
from nntransfer.domains import cka, coral, matrices  # noqa: E402  they import the names above
from nntransfer.domains.domain import Domain  # noqa: E402


def matrix_power(C, p):
    return matrices.matrix_power(C, p)


def covariance(x):
    return coral._covariance(Tensor(x)).data


def coral_loss(x, y):
    """(the loss, dx, dy)"""
    x, y = Tensor(np.array(x), requires_grad=True), Tensor(np.array(y), requires_grad=True)
    loss = coral.coral_loss(x, y)
    loss.backward()
    return loss.data, x.grad, y.grad


def coral_loss_of_arrays(x, y):
    return coral.coral_loss(x, y).data


def coral_distance(x, y):
    return coral.coral_distance(Domain(x), Domain(y))


def recoloured(x, y):
    return coral.recoloured(Domain(x), Domain(y))


def linear_cka(x, y, debiased=False):
    return cka.linear_cka(x, y, debiased)


def hsic1(K, L):
    return cka.hsic1(K, L)


def minibatch_cka(*pairs):
    return cka.minibatch_cka(iter(pairs))
