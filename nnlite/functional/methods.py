"""The operators and methods of Tensor that compute: each calls the function of the same meaning.

This file attaches them to the class, so that the tape (`nnlite.tensor`) does not import any operation.
"""

from numbers import Number

import numpy as np

from nnlite.functional import choice, elementary, elementwise, indexing, linear, power, reduction, rounding, shape, softmax
from nnlite.functional.comparison import compare
from nnlite.functional.in_place import in_place
from nnlite.tensor import Tensor

BINARY = {
    "add": ("+", elementwise.add),
    "sub": ("-", elementwise.subtract),
    "mul": ("*", elementwise.multiply),
    "truediv": ("/", elementwise.divide),
    "pow": ("**", power.power),
    "matmul": ("@", linear.matmul),
}
COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
METHODS = [
    choice.clamp, choice.maximum, choice.minimum, elementary.exp, elementary.log, elementary.log1p, elementary.sqrt,
    linear.matmul, softmax.logsumexp, reduction.max, reduction.mean, reduction.min, reduction.norm,
    reduction.std, reduction.sum, reduction.var, rounding.round, rounding.sign, shape.clone, shape.flatten, shape.permute,
    shape.reshape, shape.transpose,
]


def attach():
    """Give Tensor its operators and methods."""
    for name, (symbol, function) in BINARY.items():
        setattr(Tensor, f"__{name}__", _operator(function))
        setattr(Tensor, f"__r{name}__", _reflected(function))
        if name != "matmul":
            setattr(Tensor, f"__i{name}__", _in_place(f"{symbol}=", function))
    for name, symbol in COMPARISONS.items():
        setattr(Tensor, f"__{name}__", _comparison(symbol))
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
    Tensor.__neg__, Tensor.__getitem__ = elementwise.negative, indexing.index
    Tensor.abs, Tensor.view = elementary.absolute, shape.reshape


def _is_operand(y):
    """Whether y can be an operand beside a Tensor. If not, the operator returns NotImplemented, and Python asks y's class."""
    return isinstance(y, (Tensor, np.ndarray, Number, np.generic, list, tuple))


def _operator(function):
    return lambda x, y: function(x, y) if _is_operand(y) else NotImplemented


def _reflected(function):
    return lambda x, y: function(y, x) if _is_operand(y) else NotImplemented


def _in_place(symbol, function):
    return lambda x, y: in_place(symbol, function, x, y) if _is_operand(y) else NotImplemented


def _comparison(symbol):
    return lambda x, y: compare(symbol, x, y) if _is_operand(y) else NotImplemented
