"""Tensor and tape: arrays that remember how they were made, so that gradients can run back through them.

`record(operation, *inputs)` computes y = operation.forward(arrays) and leaves on y a note of the operation and its inputs.
These notes are the tape. `y.backward()` walks them from y to the leaves and, at each operation, turns the gradient of the
output into the gradients of the inputs (the chain rule):

    dx_i = Σ over every use of x_i of  (∂y/∂x_i)ᵀ dy
"""

import threading
from contextlib import contextmanager
from numbers import Number

import numpy as np


class _Mode(threading.local):
    """Whether operations are noted; one for each thread."""

    gradients = True
    tracing = False


_mode = _Mode()


@contextmanager
def no_grad():
    """Inside, nothing is recorded: y = f(x) alone, without the memory that a backward pass would need."""
    before, _mode.gradients = _mode.gradients, False
    try:
        yield
    finally:
        _mode.gradients = before


@contextmanager
def tracing():
    """Inside, every operation is recorded, whether or not its inputs require a gradient."""
    before, _mode.tracing = _mode.tracing, True
    try:
        yield
    finally:
        _mode.tracing = before


def is_tracing():
    """Whether this is inside `tracing`."""
    return _mode.tracing


class Operation:
    """One differentiable function: forward(*arrays) -> y, and backward(dy) -> one gradient (or None) for each input.

    Options are given to the constructor; forward keeps on `self` only what backward needs.
    """

    inputs = None  # the Tensors of forward, while they are on the tape
    makes_new_gradients = False  # whether nobody else holds the arrays that backward returns: then they need no copy

    def needs_gradient(self, i):
        """Whether input i asks for its gradient; backward may leave out a costly one that nobody does. Off the tape: yes."""
        return self.inputs is None or self.inputs[i].requires_grad

    def macs(self, y):
        """Multiply-accumulates of one forward pass with result y."""
        return 0


def record(operation, *inputs):
    """y = operation.forward(inputs), as a Tensor on the tape where an input requires a gradient.

    Inputs are Tensors, arrays, numbers (taken in the dtype of the others) or None.
    """
    inputs = _as_tensors(inputs)
    y = Tensor(operation.forward(*(None if x is None else x.data for x in inputs)))
    needs_gradient = _mode.gradients and any(x is not None and x.requires_grad for x in inputs)
    if needs_gradient or _mode.tracing:
        operation.inputs = inputs
        y.operation = operation
        y.requires_grad = needs_gradient
    return y


def _as_tensors(inputs):
    if all(x is None or isinstance(x, Tensor) for x in inputs):
        return inputs
    if not any(isinstance(x, Number) for x in inputs):
        return tuple(x if x is None or isinstance(x, Tensor) else Tensor(x) for x in inputs)
    arrays = [x.data if isinstance(x, Tensor) else np.asarray(x) for x in inputs if x is not None and not isinstance(x, Number)]
    floats = [x.dtype for x in arrays if x.dtype.kind == "f"]
    dtype = np.result_type(*floats) if floats else None
    return tuple(x if x is None or isinstance(x, Tensor) else Tensor(np.asarray(x, dtype) if isinstance(x, Number) else x)
                 for x in inputs)


def topological_order(root):
    """Every Tensor that `root` was made from, each after all of its inputs; `root` comes last."""
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        tensor, inputs_done = stack.pop()
        if inputs_done:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            stack.append((tensor, True))
            if tensor.operation is not None:
                stack.extend((x, False) for x in reversed(_live_inputs(tensor)))
    return order


def _live_inputs(tensor):
    if tensor.operation.inputs is None:
        raise RuntimeError(
            "backward: the tape behind this tensor was already used and freed; run the forward pass again, "
            "or add the losses up and call backward once"
        )
    return [x for x in tensor.operation.inputs if x is not None]


class Tensor:
    """An array with a gradient.

    data: array, number or (nested) list; floats in lists become float32, arrays keep their dtype.
    requires_grad: whether `backward` shall fill `grad` (an array of data's shape and dtype, added up over calls).
    Errors: TypeError for data that are not real numbers or booleans, and for a gradient on anything but floats.
    """

    __array_priority__ = 1000  # array + tensor is left to Tensor.__radd__

    def __init__(self, data, requires_grad=False):
        if isinstance(data, Tensor):
            data = data.data
        if not isinstance(data, (np.ndarray, np.generic)):
            data = np.asarray(data)
            data = data.astype(np.float32) if data.dtype == np.float64 else data
        self.data = np.asarray(data)
        if self.data.dtype.kind not in "fiub":
            raise TypeError(f"Tensor: holds real numbers or booleans, got {self.data.dtype}")
        if requires_grad and self.data.dtype.kind != "f":
            raise TypeError(f"Tensor: only floats can require a gradient, this one is {self.data.dtype}")
        self.requires_grad = requires_grad
        self.grad = None
        self.operation = None

    def backward(self, grad=None):
        """Fill `.grad` of every leaf that this tensor was made from: grad = ∂(Σ self · grad) / ∂leaf, added to what is there.

        grad: array of this tensor's shape; may be left out for a single number (then 1). The tape is freed afterwards.
        Errors: RuntimeError where nothing requires a gradient, the tape was used before, or a needed grad is missing;
        ValueError for a grad of another shape.
        """
        if not self.requires_grad:
            raise RuntimeError("backward: this tensor depends on nothing that requires a gradient")
        order = topological_order(self)
        gradients, new = {id(self): self._root_gradient(grad)}, set()
        for y in reversed(order):
            dy = gradients.pop(id(y), None)
            if dy is None:
                continue
            if y.operation is None:
                dy = np.asarray(dy) if id(y) in new else np.array(dy)
                y.grad = dy if y.grad is None else np.asarray(y.grad + dy)
                continue
            for x, dx in zip(y.operation.inputs, y.operation.backward(dy), strict=True):
                if x is not None and x.requires_grad and dx is not None:
                    dx = np.asarray(dx, x.dtype)
                    if id(x) in gradients or y.operation.makes_new_gradients:
                        new.add(id(x))
                    gradients[id(x)] = gradients[id(x)] + dx if id(x) in gradients else dx
        for y in order:
            if y.operation is not None:
                vars(y.operation).clear()

    def _root_gradient(self, grad):
        if grad is None:
            if self.data.size != 1:
                raise RuntimeError(f"backward: a tensor of shape {self.shape} needs a gradient of that shape; only a single "
                                   "number can do without")
            return np.ones_like(self.data)
        grad = np.asarray(grad.data if isinstance(grad, Tensor) else grad, self.dtype)
        if grad.shape != self.shape:
            raise ValueError(f"backward: the gradient has shape {grad.shape}, the tensor {self.shape}")
        return grad

    def detach(self):
        """The same array, with no tape behind it."""
        return Tensor(self.data)

    def numpy(self):
        """The array itself."""
        return self.data

    def __array__(self, dtype=None, copy=None):
        """What NumPy's functions see: the array, but not behind the back of a tape that they would cut."""
        if self.requires_grad:
            raise TypeError("NumPy's functions would cut the tape behind this tensor: use nnlite.functional, or its `.data`")
        return np.array(self.data, dtype) if copy else np.asarray(self.data, dtype)

    def item(self):
        """The one number of a tensor that holds one."""
        return self.data.item()

    @property
    def shape(self):
        return self.data.shape

    @property
    def ndim(self):
        return self.data.ndim

    @property
    def size(self):
        return self.data.size

    @property
    def dtype(self):
        return self.data.dtype

    @property
    def T(self):
        return F.transpose(self, 0, 1)

    def __len__(self):
        return len(self.data)

    def __bool__(self):
        return bool(self.data)

    def __float__(self):
        return float(self.data)

    def __repr__(self):
        grad = ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor({np.array2string(self.data, separator=', ', prefix='Tensor(')}{grad})"

    def __add__(self, other):
        return F.add(self, other)

    def __sub__(self, other):
        return F.subtract(self, other)

    def __mul__(self, other):
        return F.multiply(self, other)

    def __truediv__(self, other):
        return F.divide(self, other)

    def __pow__(self, exponent):
        return F.power(self, exponent)

    def __matmul__(self, other):
        return F.matmul(self, other)

    def __radd__(self, other):
        return F.add(other, self)

    def __rsub__(self, other):
        return F.subtract(other, self)

    def __rmul__(self, other):
        return F.multiply(other, self)

    def __rtruediv__(self, other):
        return F.divide(other, self)

    def __rpow__(self, base):
        return F.power(base, self)

    def __rmatmul__(self, other):
        return F.matmul(other, self)

    def __neg__(self):
        return F.negative(self)

    def __getitem__(self, index):
        return F.index(self, index)

    def exp(self):
        return F.exp(self)

    def log(self):
        return F.log(self)

    def sqrt(self):
        return F.sqrt(self)

    def abs(self):
        return F.absolute(self)

    def clamp(self, min=None, max=None):
        return F.clamp(self, min, max)

    def sum(self, dim=None, keepdim=False):
        return F.sum(self, dim, keepdim)

    def mean(self, dim=None, keepdim=False):
        return F.mean(self, dim, keepdim)

    def max(self, dim=None, keepdim=False):
        return F.max(self, dim, keepdim)

    def var(self, dim=None, keepdim=False, correction=1):
        return F.var(self, dim, keepdim, correction)

    def reshape(self, *shape):
        return F.reshape(self, *shape)

    def transpose(self, dim0, dim1):
        return F.transpose(self, dim0, dim1)

    def permute(self, *dims):
        return F.permute(self, *dims)

    def flatten(self, start_dim=0):
        return F.flatten(self, start_dim)


from nnlite import functional as F  # noqa: E402  (last: the operations are recorded by what stands above)
