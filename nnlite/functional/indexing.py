"""Indexing: x[i] with numbers, slices, None, Ellipsis, and arrays of whole numbers or booleans, as in PyTorch.

A number or slice picks a part of the memory (basic indexing). An array picks places one by one (advanced indexing), perhaps
the same place several times.

Source: NumPy's basic and advanced indexing, in PyTorch's order.
"""

import math

import numpy as np

from nnlite import kernels
from nnlite.tensor import Operation, option_array, record


class Index(Operation):
    """y = x[basic][advanced];   dx = 0, then dx[basic][advanced] += dy (a number that was picked twice collects twice).

    Numbers and slices go first, then arrays. So `x[0, :, [0, 1]]` is `x[0][:, [0, 1]]` as in PyTorch, with the axis of the
    array where it stood; NumPy counts the number as an array and puts that axis first.
    """

    def __init__(self, index):
        self.index = index

    def forward(self, x):
        self.x_shape = x.shape
        self.basic, self.advanced = split(self.index, x.ndim)
        part = x[self.basic]
        self.part_shape = part.shape
        return part[self.advanced] if self.advanced else part

    def backward(self, dy):
        dx = np.zeros(self.x_shape, dy.dtype)
        if not self.advanced:
            dx[self.basic] = dy  # no place is picked twice
            return (dx,)
        part = dx[self.basic]
        arrays = [i for i in self.advanced if isinstance(i, np.ndarray)]
        if all(i.dtype == bool for i in arrays):
            part[self.advanced] = dy
        elif len(self.advanced) == 1 and part.ndim > 0:  # rows
            V, D, indices = len(part), math.prod(part.shape[1:]), arrays[0].reshape(-1)
            total = np.zeros((V, D), dy.dtype)
            kernels.add_rows(np.ascontiguousarray(dy).reshape(len(indices), D), indices, total)
            part[...] = total.reshape(part.shape)
        else:
            np.add.at(part, self.advanced, dy)
        return (dx,)


def split(index, ndim):
    """An index of an array with ndim axes as two, one applied after the other: (basic, advanced).

    Each array stands in `advanced`, and for its axes `basic` has slices over everything. `advanced` is empty without arrays.
    """
    index = [_plain(i) for i in (index if isinstance(index, tuple) else (index,))]
    if any(i is Ellipsis for i in index):
        at = next(k for k, i in enumerate(index) if i is Ellipsis)
        index[at : at + 1] = [slice(None)] * (ndim - sum(map(_axes, index)))
    basic, advanced = [], []
    for i in index:
        if isinstance(i, np.ndarray):
            basic += [slice(None)] * i.ndim if i.dtype == bool else [slice(None)]
            advanced.append(i)
        else:
            basic.append(i)
            advanced += [] if isinstance(i, int) else [slice(None)]
    has_arrays = any(isinstance(i, np.ndarray) for i in advanced)
    while has_arrays and not isinstance(advanced[-1], np.ndarray):
        advanced.pop()
    return tuple(basic), tuple(advanced) if has_arrays else ()


def _plain(i):
    """A number as int, an array of numbers or booleans as an array; anything else (slice, None, Ellipsis) as it is."""
    if i is None or i is Ellipsis or isinstance(i, (slice, int)) and not isinstance(i, bool):
        return i
    array = np.array(option_array("index: the places", i))  # a copy: backward reads it
    array = array.astype(np.intp) if array.size == 0 and array.dtype.kind == "f" else array  # an empty list
    if array.dtype.kind not in "iub":
        raise IndexError(f"index: places are whole numbers, slices or booleans, got {array.dtype} {array.tolist()!r}")
    return int(array) if array.ndim == 0 and array.dtype != bool else array


def _axes(i):
    """How many axes of x an entry of the index speaks for."""
    if i is None or i is Ellipsis:
        return 0
    return i.ndim if isinstance(i, np.ndarray) and i.dtype == bool else 1


def index(x, index):
    """x[index]: numbers, slices, None, Ellipsis, arrays, lists or Tensors of whole numbers or booleans.

    Errors: IndexError for a place that x does not have, for too many indices and for what is none.
    """
    return record(Index(index), x)
