"""Moving numbers without changing them: reshape, flatten, permute, transpose, clone, concatenate, stack, pad.

The gradient moves back the other way.

Source: the names are PyTorch's; the gradient of a permutation is its inverse.
"""

import math

import numpy as np

from nnlite import kernels
from nnlite.tensor import Operation, Tensor, record


class Reshape(Operation):
    """y = x in another shape;   dx = dy in x's shape."""

    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        self.x_shape = x.shape
        try:
            return x.reshape(self.shape)
        except ValueError:
            raise ValueError(f"reshape: {x.size} numbers of shape {x.shape} do not fit into {self.shape}") from None

    def backward(self, dy):
        return (dy.reshape(self.x_shape),)


class Flatten(Operation):
    """y = x with the axes from start_dim on joined into one, the last index running fastest;   dx = dy in x's shape."""

    def __init__(self, start_dim):
        self.start_dim = start_dim

    def forward(self, x):
        if self.start_dim not in range(-x.ndim, max(x.ndim, 1)):
            raise ValueError(f"flatten: start_dim {self.start_dim} is not an axis of shape {x.shape}")
        self.x_shape = x.shape
        kept = x.shape[: self.start_dim]
        x = kernels.to_nchw(x) if x.ndim == 4 else x
        return x.reshape(*kept, math.prod(x.shape[self.start_dim :]))

    def backward(self, dy):
        return (dy.reshape(self.x_shape),)


class Permute(Operation):
    """y = x with its axes in the order `dims`;   dx = dy with its axes in the inverse order."""

    def __init__(self, dims):
        self.dims = dims

    def forward(self, x):
        if sorted(d % x.ndim if -x.ndim <= d < x.ndim else d for d in self.dims) != list(range(x.ndim)):
            raise ValueError(f"permute: {self.dims} is not an order of the {x.ndim} axes of shape {x.shape}")
        return x.transpose(self.dims)

    def backward(self, dy):
        return (dy.transpose(np.argsort([d % dy.ndim for d in self.dims])),)


class Concatenate(Operation):
    """y = the inputs one after the other along dim;   dx_i = its part of dy."""

    def __init__(self, dim):
        self.dim = dim

    def forward(self, *x):
        try:
            y = np.concatenate(x, axis=self.dim)
        except ValueError:
            raise ValueError(f"concatenate: shapes {[a.shape for a in x]} do not fit together along dim {self.dim}") from None
        self.ends = np.cumsum([a.shape[self.dim] for a in x])[:-1]
        return y

    def backward(self, dy):
        return tuple(np.split(dy, self.ends, axis=self.dim))


class Clone(Operation):
    """y = a copy of x;   dx = dy."""

    def forward(self, x):
        return x.copy(order="K")

    def backward(self, dy):
        return (dy,)


class Stack(Operation):
    """y = the inputs, all of the same shape, one after the other along a new axis dim;   dx_i = dy at place i of that axis."""

    def __init__(self, dim):
        self.dim = dim

    def forward(self, *x):
        if any(a.shape != x[0].shape for a in x):
            raise ValueError(f"stack: the tensors have to be of one shape, got {[a.shape for a in x]}")
        if self.dim not in range(-x[0].ndim - 1, x[0].ndim + 1):
            raise ValueError(f"stack: dim {self.dim} is not a new axis of {x[0].ndim} axes, {x[0].shape}")
        return np.stack(x, axis=self.dim)

    def backward(self, dy):
        return tuple(np.moveaxis(dy, self.dim, 0))


class Pad(Operation):
    """y = x with a border of a constant;   dx = dy without the border."""

    def __init__(self, widths, value):
        self.widths, self.value = widths, value

    def forward(self, x):
        return np.pad(x, self.widths, constant_values=self.value)

    def backward(self, dy):
        return (dy[tuple(slice(before, size - after) for (before, after), size in
                         zip(self.widths, dy.shape, strict=True))],)


def reshape(x, *shape):
    """x in another shape, with as many numbers in the same order; one size may be −1, and is then computed.

    `reshape(x, 2, 3)` and `reshape(x, (2, 3))` are the same. The result shares x's memory if the memory's order allows it, else
    it is a copy. `Tensor.view` is the same function. PyTorch's `view` refuses to copy; this one copies, because images lie in
    memory as (N, H, W, C) here, which is rarely the order that PyTorch would need.
    Errors: ValueError for a shape with another number of numbers.
    """
    return record(Reshape(tuple(shape[0]) if len(shape) == 1 and np.iterable(shape[0]) else shape), x)


def flatten(x, start_dim=0, end_dim=-1):
    """x with the axes from start_dim to end_dim, both included, joined into one; the last index changes fastest.

    start_dim, end_dim: axes, negative ones counted from the end. A single number becomes shape (1,).
    Errors: ValueError for an axis that x does not have, or an end before the start.
    """
    x = x if isinstance(x, Tensor) else Tensor(x)
    start, end, ndim = start_dim, end_dim, max(x.ndim, 1)
    if end in (-1, ndim - 1):
        return record(Flatten(start), x)
    if start not in range(-ndim, ndim) or end not in range(-ndim, ndim) or start % ndim > end % ndim:
        raise ValueError(f"flatten: start_dim {start} to end_dim {end} is not a range of the axes of shape {x.shape}")
    start, end = start % ndim, end % ndim
    return reshape(x, *x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :])


def permute(x, *dims):
    """x with its axes in the order dims: `permute(x, 0, 2, 1)` and `permute(x, (0, 2, 1))` are the same. It is a view.

    Errors: ValueError unless dims names each axis of x once.
    """
    return record(Permute(tuple(dims[0]) if len(dims) == 1 and np.iterable(dims[0]) else dims), x)


def transpose(x, dim0, dim1):
    """x with the axes dim0 and dim1 exchanged, as a view.   Errors: ValueError for an axis that x does not have."""
    shape = np.shape(x.data if isinstance(x, Tensor) else x)
    dims = list(range(len(shape)))
    try:
        dims[dim0], dims[dim1] = dims[dim1], dims[dim0]
    except IndexError:
        raise ValueError(f"transpose: {dim0} and {dim1} are not both axes of shape {shape}") from None
    return record(Permute(tuple(dims)), x)


def clone(x):
    """A copy of x with its own memory. The copy is on the tape: its gradient flows to x."""
    return record(Clone(), x)


def concatenate(tensors, dim=0):
    """The tensors one after the other along dim (torch.cat).

    tensors: a list or tuple of Tensors or arrays, whose shapes differ along dim at most.
    Errors: TypeError for a single Tensor or array; ValueError for no tensors, for shapes that do not fit, and for an axis that
    they do not have.
    """
    return record(Concatenate(dim), *_several("concatenate", tensors))


def stack(tensors, dim=0):
    """The tensors, all of the same shape, one after the other along a new axis dim.

    tensors: a list or tuple of Tensors or arrays.   dim: the axis of the result, from 0 to ndim, or from −ndim − 1 to −1.
    Errors: TypeError for a single Tensor or array; ValueError for no tensors, for different shapes, and for a dim that cannot
    be a new axis.
    """
    return record(Stack(dim), *_several("stack", tensors))


def _several(name, tensors):
    """The tensors as a list. A single Tensor or array is a TypeError; it does not count as the list of its rows."""
    if isinstance(tensors, Tensor | np.ndarray) or not np.iterable(tensors):
        what = f"{type(tensors).__name__} of shape {tensors.shape}" if hasattr(tensors, "shape") else repr(tensors)
        raise TypeError(f"{name}: expects a list of Tensors, got one {what}")
    tensors = list(tensors)
    if not tensors:
        raise ValueError(f"{name}: no tensors were given")
    return tensors


def pad(x, pad, value=0.0):
    """x with a border of the number `value`.

    pad: (left, right, top, bottom, …), a pair of widths ≥ 0 for each of the last axes, the last axis first, as in
    torch.nn.functional.pad. Axes without a pair get no border.
    Errors: ValueError for an odd number of widths, for more pairs than axes, and for a negative width.
    """
    ndim = np.ndim(x.data if isinstance(x, Tensor) else x)
    if len(pad) % 2 or len(pad) > 2 * ndim or min(pad, default=0) < 0:
        raise ValueError(f"pad: {pad} is not a pair of widths ≥ 0 for each of the last axes of {ndim}")
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)][::-1]
    return record(Pad([(0, 0)] * (ndim - len(pairs)) + pairs, value), x)
