"""What the tests ask of your code: each function calls yours and returns arrays and numbers."""

import sys
import types

import numpy as np

plain = types.ModuleType("nnlite.kernels.machine.cache")
plain.njit = lambda function=None, **options: function or (lambda function: function)  # here nothing is compiled
sys.modules[plain.__name__] = plain

from nncompress.int8.requantize import quantize_multiplier  # noqa: E402
from nnlite.kernels.loops import matmul_int8 as product  # noqa: E402
from nnlite.kernels.loops import requantize  # noqa: E402


def formula(name, *arguments):
    """The function `name` of requantize.py, with arrays."""
    return getattr(requantize, name)(*arguments)


def single(name, *columns):
    """The function `name` of requantize.py for one number after the other; columns: arrays, or one number for all."""
    function, rows = getattr(requantize, name), np.broadcast_arrays(*columns)
    return np.array([function(*numbers) for numbers in zip(*(row.ravel() for row in rows), strict=True)])


def matmul_int8(a, w, c):
    """c after your loops have filled it."""
    product.matmul_int8(a, product.pack_int8(w), c)
    return c


def transposed_matmul_int8(a, w):
    """The product of aᵀ and wᵀ, which do not lie by rows."""
    return matmul_int8(a.T, w.T, np.zeros((a.shape[1], w.shape[0]), np.int32))


def matmul_int8_formula(a, w):
    return product.matmul_int8_formula(a, w)


def factor(M):
    """(M0, shift, their dtypes' names, their number of axes)"""
    M0, shift = quantize_multiplier(M)
    return M0, shift, np.asarray(M0).dtype.name, np.asarray(shift).dtype.name, np.ndim(M0), np.ndim(shift)


def network(q, w1, b1, M, Z, w2, b2, law):
    """The sums of the last layer: q (N, 64) uint8 → linear, ReLU → linear. M (16,), Z: of the first layer's result."""
    acc = matmul_int8(q, w1, np.empty((len(q), w1.shape[1]), np.int32)) + b1
    hidden = np.empty(acc.shape, np.uint8)
    M0, shift = quantize_multiplier(M)
    for n, o in np.ndindex(acc.shape):
        if law == "fixed":
            x = requantize.shift_left(np.int64(acc[n, o]), max(int(shift[o]), 0))
            hidden[n, o] = requantize.requantize_fixed(x, M0[o], max(-int(shift[o]), 0), Z, Z, 255)
        else:
            hidden[n, o] = requantize.requantize_float(np.int64(acc[n, o]), np.float32(M[o]), Z, Z, 255)
    return matmul_int8(hidden, w2, np.empty((len(q), w2.shape[1]), np.int32)) + b2
