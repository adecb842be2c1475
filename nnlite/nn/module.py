"""Module: a function with parameters. Models are modules made of modules."""

import copy
import reprlib
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from nnlite.nn.hooks import HookHandle
from nnlite.tensor import Tensor, no_grad


class Parameter(Tensor):
    """A Tensor that training changes: found by `parameters()`, given a gradient by `backward()`.

    data: floats of any shape, as `Tensor` takes them; an array keeps its dtype.   Errors: TypeError for other numbers.
    """

    def __init__(self, data):
        super().__init__(data, requires_grad=True)


class Buffer(Tensor):
    """A Tensor that belongs to the model's state but is not trained, such as BatchNorm's running mean."""


class StateDifference(NamedTuple):
    """What `load_state_dict` returns: names that only the model has, and names that only the given state has."""

    missing_keys: list
    unexpected_keys: list


class Module:
    """Base of every layer and model: write `__init__` (assign parameters and modules) and `forward`.

    A parameter, buffer or module that is assigned to an attribute is found again, in the order of assignment, by looking at
    the attributes. A parameter `weight` of the layer `conv1` is named "conv1.weight". Several layers in one attribute need a
    container that is a Module: `ModuleList`, `ModuleDict`, `Sequential` or `ParameterList`.

    Errors: TypeError at the assignment of what would be lost without a word:
    * a list, tuple, set or dict that holds modules, parameters or buffers (also found later, if it was filled afterwards);
    * in the place of a parameter, buffer or module anything but another one or None: the product `m.weight * 2` is a Tensor
      that no optimizer knows; write `m.weight.data = …`, or `m.weight = Parameter(…)` before the optimizer is made. The same
      holds where a parameter could be and is None, such as the bias of `Linear(3, 2, bias=False)`;
    * a module or parameter as an attribute of the class, or under the name of a method.
    """

    training = True
    optional = ()  # names of the parameters that may be None

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        for name, value in vars(cls).items():
            if isinstance(value, FOUND):
                raise TypeError(f"{cls.__name__}.{name}: a {type(value).__name__} of the class would be shared by all its "
                                f"objects and not be found in them: assign it in __init__, to self.{name}")

    def __setattr__(self, name, value):
        _check_place(self, name, value)
        if isinstance(value, COLLECTIONS):
            _check_collection(self, name, value)
        object.__setattr__(self, name, value)

    def __getattr__(self, name):
        """A parameter that is computed from another one (`nnlite.nn.parametrize`); asked for where there is no attribute."""
        computed = vars(self).get("parametrizations", ())
        if name in computed:
            return computed[name]()
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def forward(self, *inputs):
        """The function itself; each class writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward, so it cannot be called")

    def __call__(self, *inputs, **options):
        """y = forward(…). Then each forward hook sees y, in turn, and may replace it."""
        y = self.forward(*inputs, **options)
        for handle in tuple(self.__dict__.get("forward_hooks", ())):  # a hook may remove itself
            changed = handle.hook(self, inputs, y)
            y = y if changed is None else changed
        return y

    def named_children(self):
        """(name, module) of the modules directly below this one, each once."""
        found = {}
        for name, value in vars(self).items():
            if isinstance(value, Module):
                found.setdefault(id(value), (name, value))
            elif isinstance(value, COLLECTIONS):
                _check_collection(self, name, value)
        return iter(found.values())

    def children(self):
        """The modules directly below this one, each once."""
        return (module for _, module in self.named_children())

    def named_modules(self):
        """(name, module) of this module (named "") and all below, each once, under the first of its names."""
        return _walk("", self, set())

    def modules(self):
        """This module and all below, each once."""
        return (module for _, module in self.named_modules())

    def apply(self, function):
        """Call function(module) for all modules below, then for this one; returns the module.

        >>> from nnlite import nn
        >>> _ = nn.Sequential(nn.ReLU(), nn.Flatten()).apply(lambda module: print(type(module).__name__))
        ReLU
        Flatten
        Sequential
        """
        for module in _below_first(self, set()):
            function(module)
        return self

    def _named(self, kind):
        seen = set()  # a layer used in two places has one name, the first
        for prefix, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, kind) and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{prefix}.{name}" if prefix else name, value

    def named_parameters(self):
        """(name, Parameter) of this module and all below, each once, under the first of its names."""
        return self._named(Parameter)

    def named_buffers(self):
        """(name, Buffer) of this module and all below, each once, under the first of its names."""
        return self._named(Buffer)

    def parameters(self):
        """The list of the Parameters, as an optimizer takes them."""
        return [parameter for _, parameter in self.named_parameters()]

    def generators(self):
        """The random generators in use here and below (dropout's), each once, so that a checkpoint can keep their state.

        They are attributes, or stand in a list, tuple, set or dict that is one.
        """
        found = {}
        for module in self.modules():
            for value in vars(module).values():
                found |= {id(item): item for item in _inside(value) if isinstance(item, np.random.Generator)}
        return list(found.values())

    def train(self, mode=True):
        """Switch this module and all below to training (or, with False, to inference); returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self):
        """Switch to inference: no dropout, BatchNorm by its running statistics; returns the module."""
        return self.train(False)

    def zero_grad(self):
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def register_forward_hook(self, hook):
        """Call hook(module, inputs, output) after each forward pass; returns a handle, whose `remove()` takes the hook away.

        inputs: the tuple of the positional arguments. What the hook returns replaces the output, unless it is None.
        """
        handle = HookHandle(self, hook)
        self.__dict__.setdefault("forward_hooks", []).append(handle)
        return handle

    def state_dict(self):
        """{name: copy of the array} of every parameter and buffer."""
        return {name: tensor.data.copy() for name, tensor in self._named((Parameter, Buffer))}

    def load_state_dict(self, state, strict=True):
        """Set every parameter and buffer from {name: array}, all or none; returns (missing_keys, unexpected_keys).

        Arrays are copied and get the dtype of the parameter, rounded where it has fewer bits. strict: whether the names have to
        be the same on both sides. With strict=False those that both sides have are set, and the others are returned, sorted.
        PyTorch's "num_batches_tracked" is passed over in a BatchNorm that has none, because its momentum is a number.
        Errors: ValueError that names the missing and the unexpected names, or the first array that has another shape, does not
        hold numbers, or holds one that the parameter's dtype cannot hold (1e300 in float32, 2.5 in int64); and NaN or infinity
        for a buffer that is finite.
        """
        own = dict(self._named((Parameter, Buffer)))
        missing = sorted(own.keys() - state.keys())
        unexpected = sorted(name for name in state.keys() - own.keys() if not _counts_batches(name, own))
        if strict and (missing or unexpected):
            raise ValueError(f"load_state_dict: missing {missing}, unexpected {unexpected}")
        arrays = {name: np.asarray(state[name]) for name in own if name in state}
        for name, array in arrays.items():
            if array.shape != own[name].shape:
                raise ValueError(f"load_state_dict: {name} has shape {array.shape}, the model expects {own[name].shape}")
            if array.dtype.kind not in "fiub":
                raise ValueError(f"load_state_dict: {name} holds {array.dtype}, the model expects numbers")
            if isinstance(own[name], Buffer) and np.isfinite(own[name].data).all() and not np.isfinite(array).all():
                raise ValueError(f"load_state_dict: {name} holds NaN or infinite values, with which the model computes NaN")
            arrays[name] = cast(f"load_state_dict: {name}", array, own[name].dtype)
        for name, array in arrays.items():
            own[name].data = array
        return StateDifference(missing, unexpected)

    def __deepcopy__(self, memo):
        """A copy that shares nothing with this module: `copy.deepcopy(model)`.

        Its random generators are new ones, spawned from the seeds of these: the copy draws other masks, and the same program
        draws the same. It has no hooks: they are functions that know this module.
        """
        twin = memo[id(self)] = type(self).__new__(type(self))
        for rng in self.generators():
            if id(rng) not in memo:
                memo[id(rng)] = rng.spawn(1)[0]
        vars(twin).update({name: copy.deepcopy(value, memo) for name, value in vars(self).items() if name != "forward_hooks"})
        return twin

    def extra_repr(self):
        """The options of a layer in its line of `print(model)`; each class writes its own."""
        return ""

    @reprlib.recursive_repr()
    def __repr__(self):
        """The class and its options; below, indented, a line for each module in it."""
        lines = [f"({name}): {value!r}" for name, value in vars(self).items() if isinstance(value, Module)]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        return "\n  ".join([f"{type(self).__name__}(", *(line.replace("\n", "\n  ") for line in lines)]) + "\n)"


def _counts_batches(name, own):
    """Whether a name is the "num_batches_tracked" of a BatchNorm among the model's `own` names."""
    layer, _, last = name.rpartition("num_batches_tracked")
    return not last and f"{layer}running_mean" in own


def cast(name, array, dtype):
    """A copy of the array in a dtype, rounded where that has fewer bits.   Errors: ValueError for what it cannot hold."""
    with np.errstate(over="ignore", invalid="ignore"):
        converted = array.astype(dtype)
    lost = np.isfinite(array) & ~np.isfinite(converted) if converted.dtype.kind == "f" else converted != array
    if lost.any():
        raise ValueError(f"{name} holds {array[lost][0]} ({array.dtype}), which the model's {dtype} cannot hold")
    return converted


FOUND = (Parameter, Buffer, Module)  # what a Module finds among its attributes
COLLECTIONS = (list, tuple, set, frozenset, dict)


def _walk(name, module, seen):
    if id(module) not in seen:
        seen.add(id(module))
        yield name, module
        for child, below in module.named_children():
            yield from _walk(f"{name}.{child}" if name else child, below, seen)


def _below_first(module, seen):
    if id(module) not in seen:
        seen.add(id(module))
        for below in module.children():
            yield from _below_first(below, seen)
        yield module


def _inside(value):
    """What a list, tuple, set or dict holds, at any depth; of anything else, the value itself."""
    waiting, seen = [value], set()
    while waiting:
        value = waiting.pop()
        if not isinstance(value, COLLECTIONS):
            yield value
        elif id(value) not in seen:  # a list may hold itself
            seen.add(id(value))
            waiting.extend(reversed(list(value.values() if isinstance(value, dict) else value)))


def _check_place(owner, name, value):
    """TypeError where a parameter, buffer or module would be lost, or would hide something else."""
    if name in vars(owner).get("parametrizations", ()):
        raise TypeError(f"{type(owner).__name__}: {name!r} is computed from parametrizations.{name}.original: change that, or "
                        f"call remove_parametrization(module, {name!r}) first")
    before = vars(owner).get(name)
    for kind, word in ((Parameter, "parameter"), (Buffer, "buffer"), (Module, "module")):
        expected = isinstance(before, kind) or kind is Parameter and name in owner.optional
        if expected and not isinstance(value, (kind, type(None))):
            raise TypeError(f"{type(owner).__name__}: cannot assign a {type(value).__name__} as {word} {name!r} "
                            f"(nn.{kind.__name__} or None expected)")
    if isinstance(value, FOUND):
        if not name or "." in name:
            raise TypeError(f"{type(owner).__name__}: a {type(value).__name__} needs a name without a dot, got {name!r}")
        if callable(getattr(type(owner), name, None)):
            raise TypeError(f"{type(owner).__name__}: a {type(value).__name__} cannot be named {name!r}, which is a method")


def _check_collection(owner, name, value):
    """TypeError for a list or dict with modules or parameters in it: they would be neither trained nor saved."""
    hidden = next((item for item in _inside(value) if isinstance(item, FOUND)), None)
    if hidden is not None:
        layers = "nn.ModuleDict" if isinstance(value, dict) else "nn.ModuleList"
        right = layers if isinstance(hidden, Module) else "nn.ParameterList"
        raise TypeError(f"{type(owner).__name__}.{name}: a {type(hidden).__name__} in a {type(value).__name__} is neither "
                        f"trained nor saved: use {right}")


@contextmanager
def inference_mode(model):
    """Inside, the model infers and nothing is recorded; then each of its modules has the mode that it had before.

    A plan, or any other function, has no modes and passes as it is.
    """
    modes = [(module, module.training) for module in model.modules()] if isinstance(model, Module) else []
    for module, _ in modes:
        module.training = False
    try:
        with no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
