"""Tensor's operators and the first functions of `F`, put together from the files of this handout.

The library does this in a file that names all of its operations. A handout has only some of them.
"""

import numpy as np

import nnlite
from nnlite import functional, kernels, nn
from nnlite.nn import module
from nnlite.tensor import Tensor

kernels.to_nchw = np.ascontiguousarray
from nnlite.functional import elementwise, reduction, shape  # noqa: E402  shape imports the name above


def matmul(x, y):
    """x (M, K) @ y (K, N)"""
    x, y = (z if isinstance(z, Tensor) else Tensor(z) for z in (x, y))
    return (x.reshape(*x.shape, 1) * y.reshape(1, *y.shape)).sum(dim=1)


def provide(source, *names):
    """`F` gets the functions of these names from the module `source`."""
    for name in names:
        setattr(functional, name, getattr(source, name))


def define(operator, function):
    """The operator, such as "add", computes function(x, y) where x or y is a Tensor."""
    setattr(Tensor, f"__{operator}__", lambda x, y: function(x, y))
    setattr(Tensor, f"__r{operator}__", lambda x, y: function(y, x))


nnlite.Tensor, nn.Module, nn.Parameter = Tensor, module.Module, module.Parameter
functional.matmul = matmul
provide(elementwise, "add", "subtract", "multiply", "divide", "negative")
provide(reduction, "sum", "mean")
provide(shape, "reshape", "transpose")
define("add", elementwise.add)
define("sub", elementwise.subtract)
define("mul", elementwise.multiply)
define("truediv", elementwise.divide)
define("matmul", matmul)
Tensor.__neg__, Tensor.sum, Tensor.mean = elementwise.negative, reduction.sum, reduction.mean
Tensor.reshape, Tensor.transpose = shape.reshape, shape.transpose
