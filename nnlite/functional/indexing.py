"""Indexing: x[i] with numbers, slices, None, Ellipsis, and arrays of whole numbers or booleans, as in PyTorch.

A number or slice picks a part of the memory (basic indexing). An array picks single places (advanced indexing), and may pick
a place several times.

Source: NumPy's basic and advanced indexing, in PyTorch's order.
"""

import math

import numpy as np

from nnlite import kernels
from nnlite.tensor import Operation, option_array, record


class Index(Operation):
    """y = x[basic][advanced];   dx = 0, then dx[basic][advanced] += dy (a place that was picked twice adds up both numbers).

    Numbers and slices are applied first, then arrays. So `x[0, :, [0, 1]]` is `x[0][:, [0, 1]]` as in PyTorch, and the array's
    axis stays in its place. NumPy treats the number as an array and puts the array's axis first.
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
    """An index of an array with ndim axes as two indices, (basic, advanced), where x[index] is x[basic][advanced].

    Each array stands in `advanced`, and `basic` has full slices for the array's axes. Without arrays `advanced` is empty.
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
    """One entry of an index: a number as int, numbers or booleans as an array; a slice, None or Ellipsis unchanged."""
    if i is None or i is Ellipsis or isinstance(i, (slice, int)) and not isinstance(i, bool):
        return i
    array = np.array(option_array("index: the places", i))  # a copy: backward reads it
    array = array.astype(np.intp) if array.size == 0 and array.dtype.kind == "f" else array  # an empty list
    if array.dtype.kind not in "iub":
        raise IndexError(f"index: places are whole numbers, slices or booleans, got {array.dtype} {array.tolist()!r}")
    return int(array) if array.ndim == 0 and array.dtype != bool else array


def _axes(i):
    """How many axes of x an entry of the index takes: none for None, ndim for an array of booleans, else one."""
    if i is None or i is Ellipsis:
        return 0
    return i.ndim if isinstance(i, np.ndarray) and i.dtype == bool else 1


def index(x, index):
    """x[index]: one entry or a tuple of entries, each for an axis of x; see `Index` for the order in which they are applied.

    An entry is a whole number, which may be negative; a slice; None for a new axis of size 1; Ellipsis for all axes that no
    other entry takes; or an array, list or Tensor of whole numbers or booleans. The gradient flows to x only.
    Errors: IndexError for a place that x does not have, for too many entries, and for an entry of another kind.
    """
    return record(Index(index), x)
