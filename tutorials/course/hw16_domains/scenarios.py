"""What the tests ask of your code: each function computes with your functions and returns arrays and numbers.

First the empty packages of this handout get the names that your files import.
"""

import numpy as np
import tensor_operators  # noqa: F401  before the student's files, which import the names that it provides

from nnlite.tensor import Tensor
from nntransfer.domains import cka, coral, matrices
from nntransfer.domains.domain import Domain


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
