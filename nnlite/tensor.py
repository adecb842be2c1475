"""Tensor and tape: arrays that remember how they were made, so that gradients can run back through them.

`record(operation, *inputs)` computes y = operation.forward(arrays) and leaves on y a note of the operation and its inputs.
These notes are the tape. `y.backward()` runs back along them (`nnlite.backward`).

An array that an operation keeps must not change before `backward`. `Tensor.memory` and `Tensor.changed` watch over that
(`nnlite.changes`); a first reading can leave them out.

The operators (+, @, ==, …) and the methods that compute (exp, sum, …) are in `nnlite.functional.methods`.
"""

import importlib
import threading
from contextlib import contextmanager
from numbers import Number

import numpy as np

from nnlite.backward import run_backward
from nnlite.changes import Memory, kept_arrays, owner

FLOATS = FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


class _Mode(threading.local):
    """Whether operations are noted; one for each thread."""

    gradients = True
    tracing = False
    traced = None  # the input of the model that is traced


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
def tracing(x=None):
    """Inside, every operation is recorded, whether or not its inputs require a gradient.   x: the traced model's input."""
    before, (_mode.tracing, _mode.traced) = (_mode.tracing, _mode.traced), (True, x)
    try:
        yield
    finally:
        _mode.tracing, _mode.traced = before


def is_tracing():
    """Whether this is inside `tracing`."""
    return _mode.tracing


def option_array(name, value):
    """The array of an operation's option, such as places to pick, from a Tensor or array; `name` begins the error's sentence.

    Errors: ValueError while a model is traced, for a Tensor that the model computes: a graph keeps options as they are.
    """
    if _mode.tracing and isinstance(value, Tensor) and (value.operation is not None or value is _mode.traced):
        raise ValueError(f"{name} are computed by the model; its graph would keep those of the example for every input, so "
                         "this model cannot be traced, compiled or quantized")
    return value.data if isinstance(value, Tensor) else value


def is_recording_gradients():
    """Whether this is outside of `no_grad`."""
    return _mode.gradients


class Operation:
    """One differentiable function: forward(*arrays) -> y, and backward(dy) -> one gradient (or None) for each input.

    Options are given to the constructor; forward keeps on `self` only what backward needs. `backward` removes what forward kept
    and leaves the options. An object can be on the tape once at a time.
    """

    inputs = None  # the Tensors of forward, while they are on the tape
    options = None  # the attributes before forward, while the operation is on the tape
    kept = ()  # the arrays that must not change before backward, while the operation is on the tape
    has_gradient = True  # False: the result never requires a gradient, as of a comparison
    makes_new_gradients = False  # whether nobody else holds the arrays that backward returns: then they need no copy

    def needs_gradient(self, i):
        """Whether input i requires a gradient. If not, backward may leave it out. Without a tape the answer is yes."""
        return self.inputs is None or self.inputs[i].requires_grad

    def macs(self, y):
        """Multiply-accumulates of one forward pass with result y."""
        return 0


def record(operation, *inputs):
    """y = operation.forward(inputs), as a Tensor on the tape where an input requires a gradient.

    Inputs are Tensors, arrays, lists, numbers or None. Numbers and plain arrays of floats get the float dtype of the Tensors;
    if there are no Tensors, numbers get that of the arrays. A float32 and a float64 Tensor give float64. Without an input of
    float64 no result is float64: whole numbers and a float32 Tensor give float32.
    Errors: RuntimeError for an operation that is on the tape already; TypeError for None as the first input.
    """
    name = type(operation).__name__
    if operation.inputs is not None:
        raise RuntimeError(f"record: this {name} is on the tape already; make a new {name}() for each call")
    inputs = as_tensors(inputs)
    if inputs and inputs[0] is None:
        raise TypeError(f"{name}: expects a Tensor or an array as its first input, got None")
    given = [x for x in inputs if x is not None]
    needs_gradient = _mode.gradients and operation.has_gradient and any([x.requires_grad for x in given])
    options = vars(operation).copy()
    y = Tensor(operation.forward(*[None if x is None else x.data for x in inputs]))
    if y.dtype == FLOAT64 and FLOAT64 not in [x.dtype for x in given]:
        y = Tensor(y.data.astype(FLOAT32))
    for x in given:
        if x.memory.owner is y.memory.owner:
            y.memory = x.memory
            y.memory.shared = True
    if needs_gradient or _mode.tracing:
        operation.kept = kept_arrays(vars(operation), options, (*inputs, y))
        operation.inputs, operation.options = inputs, options
        y.operation = operation
        y.requires_grad = needs_gradient
        for x in given:
            x.is_read = True
    return y


def as_tensors(inputs):
    """The inputs of `record` as Tensors (None stays None), with the dtypes that its docstring states."""
    if all([x is None or isinstance(x, Tensor) for x in inputs]):
        return inputs
    of_tensors = [x.dtype for x in inputs if isinstance(x, Tensor) and x.dtype.kind == "f"]
    of_arrays = [x.dtype for x in inputs if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    floats = of_tensors or of_arrays
    dtype = np.result_type(*floats) if floats else None
    beside = any(isinstance(x, (Tensor, np.ndarray)) for x in inputs)
    return tuple(x if x is None or isinstance(x, Tensor) else
                 _number(x, dtype, beside) if isinstance(x, Number) else
                 _array(x, dtype if of_tensors else None) for x in inputs)


def _number(x, dtype, beside):
    """A number in the given float dtype. Without one, a float beside whole numbers becomes float32."""
    array = np.asarray(x, dtype)
    if dtype is None and array.dtype == np.float64 and (beside or not isinstance(x, np.generic)):
        array = array.astype(np.float32)
    return Tensor(array)


def _array(x, dtype):
    """An array (or list); floats in the given dtype, if there is one."""
    x = Tensor(x)
    return Tensor(x.data.astype(dtype)) if dtype is not None and x.dtype.kind == "f" and x.dtype != dtype else x


class Tensor:
    """An array with a gradient.

    data: array, number or (nested) list; floats in lists become float32, arrays keep their dtype.
    requires_grad: whether `backward` fills `grad`, an array of data's shape and dtype, to which each call adds.
    Tensors are keys of dicts and members of sets by identity; `==` compares number by number.
    Errors: TypeError for data that are not real numbers or booleans in the machine's byte order, and for a gradient on
    anything but floats.
    """

    __array_priority__ = 1000  # array + tensor is left to Tensor.__radd__
    __hash__ = object.__hash__

    def __init__(self, data, requires_grad=False):
        if isinstance(data, Tensor):
            self._data, self.memory = data.data, data.memory
            self.memory.shared = True
        else:
            self._data = _real_numbers(data)
            self.memory = Memory(self._data)
        if requires_grad and self._data.dtype.kind != "f":
            raise TypeError(f"Tensor: only floats can require a gradient, this one is {self._data.dtype}")
        self.requires_grad = requires_grad
        self.grad = None
        self.operation = None
        self.is_read = False  # whether an operation on the tape has read it

    @property
    def data(self):
        """The array. `x.data *= 2` changes it in place. `x.data = array` gives x another array; a tape keeps the old one."""
        return self._data

    @data.setter
    def data(self, array):
        array = _real_numbers(array)
        if owner(array) is self.memory.owner:
            self._data = array
            self.changed("an assignment to its `.data`")
        else:
            self._data, self.memory = array, Memory(array)

    def changed(self, by):
        """Note that the array was changed in place, and by what ("SGD.step"): a tape that keeps it then refuses `backward`."""
        self.memory.changes += 1
        self.memory.by = by

    def backward(self, grad=None):
        """Fill `.grad` of every leaf that this tensor was made from: grad = ∂(Σ self · grad) / ∂leaf, added to what is there.

        grad: array of this tensor's shape; may be left out for a single number (then 1). The tape is freed afterwards.
        Errors: RuntimeError where nothing requires a gradient, the tape was used before, a needed grad is missing, or an
        array that an operation keeps was changed in place after the forward pass (`nnlite.changes`); ValueError for a grad of
        another shape; TypeError or ValueError for an operation whose backward returns gradients that do not fit.
        """
        if not self.requires_grad:
            raise RuntimeError("backward: this tensor depends on nothing that requires a gradient")
        run_backward(self, self._root_gradient(grad))

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
        """A Tensor of the same array, which is a constant to the tape. A change in place is seen by both."""
        return Tensor(self)

    def numpy(self):
        """The array itself."""
        return self.data

    def __array__(self, dtype=None, copy=None):
        """The array, for NumPy's functions. A tensor that requires a gradient refuses: NumPy leaves nothing on the tape."""
        if self.requires_grad:
            raise TypeError("NumPy's functions would cut the tape at this tensor: use nnlite.functional, or its `.data`")
        return np.array(self.data, dtype) if copy else np.asarray(self.data, dtype)

    def item(self):
        """The one number of a tensor that holds one."""
        return self.data.item()

    @property
    def shape(self):
        return self._data.shape

    @property
    def ndim(self):
        return self._data.ndim

    @property
    def size(self):
        return self._data.size

    @property
    def dtype(self):
        return self._data.dtype

    @property
    def T(self):
        return self.transpose(0, 1)

    def __len__(self):
        return len(self.data)

    def __bool__(self):
        return bool(self.data)

    def __float__(self):
        return float(self.data)

    def __repr__(self):
        grad = ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor({np.array2string(self.data, separator=', ', prefix='Tensor(')}{grad})"


def _real_numbers(data):
    """data as an array; floats that were not in an array become float32."""
    if not isinstance(data, (np.ndarray, np.generic)):
        data = np.asarray(data)
        data = data.astype(np.float32) if data.dtype == np.float64 else data
    array = np.asarray(data)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"Tensor: holds real numbers or booleans, got {array.dtype}")
    if not array.dtype.isnative:
        raise TypeError(f"Tensor: the numbers are in another byte order than this machine's ({array.dtype.str}); "
                        'array.astype(array.dtype.newbyteorder("=")) converts them')
    return array


FROM_FUNCTIONAL = """
    __add__ __radd__ __iadd__ __sub__ __rsub__ __isub__ __mul__ __rmul__ __imul__ __truediv__ __rtruediv__ __itruediv__
    __pow__ __rpow__ __ipow__ __matmul__ __rmatmul__ __neg__ __getitem__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__
    abs clamp clone exp flatten log log1p logsumexp matmul max maximum mean min minimum norm permute reshape round sign sqrt std
    sum     transpose var view
""".split()


def _stand_in(name):
    """A method whose first call loads nnlite.functional. That room puts its methods in the place of all stand-ins."""
    def method(self, *arguments, **options):
        importlib.import_module("nnlite.functional")
        return getattr(self, name)(*arguments, **options)
    return method


for _name in FROM_FUNCTIONAL:
    setattr(Tensor, _name, _stand_in(_name))
