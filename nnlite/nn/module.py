"""Module: a function with parameters. Models are modules made of modules."""

from contextlib import contextmanager

import numpy as np

from nnlite.tensor import Tensor, no_grad


class Parameter(Tensor):
    """A Tensor that training changes: found by `parameters()`, given a gradient by `backward()`."""

    def __init__(self, data):
        super().__init__(data, requires_grad=True)


class Buffer(Tensor):
    """A Tensor that belongs to the model's state but is not trained, such as BatchNorm's running mean."""


class Module:
    """Base of every layer and model: write `__init__` (assign parameters and modules) and `forward`.

    What is assigned to an attribute is found again by looking at the attributes, in the order of assignment; a parameter of
    the layer `conv1` is named "conv1.weight".
    """

    training = True

    def __call__(self, *inputs, **options):
        y = self.forward(*inputs, **options)
        for hook in tuple(self.__dict__.get("forward_hooks", ())):  # a hook may remove itself
            hook(self, inputs, y)
        return y

    def children(self):
        """(name, module) of the modules directly below this one."""
        return [(name, value) for name, value in vars(self).items() if isinstance(value, Module)]

    def named_modules(self, prefix=""):
        """(name, module) of this module (named "") and all below."""
        yield prefix, self
        for name, module in self.children():
            yield from module.named_modules(f"{prefix}.{name}" if prefix else name)

    def _named(self, kind):
        seen = set()  # a layer used in two places has one name, the first
        for prefix, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, kind) and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{prefix}.{name}" if prefix else name, value

    def named_parameters(self):
        """(name, Parameter) of this module and all below."""
        return self._named(Parameter)

    def named_buffers(self):
        """(name, Buffer) of this module and all below."""
        return self._named(Buffer)

    def parameters(self):
        """The Parameters, as an optimizer takes them."""
        return [parameter for _, parameter in self.named_parameters()]

    def generators(self):
        """The random generators in use below (dropout), each once, so that a checkpoint can keep their state."""
        found = {}
        for _, module in self.named_modules():
            for value in vars(module).values():
                if isinstance(value, np.random.Generator):
                    found[id(value)] = value
        return list(found.values())

    def train(self, mode=True):
        """Switch this module and all below to training (or, with False, to inference); returns the module."""
        for _, module in self.named_modules():
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
        """Call hook(module, inputs, output) after each forward pass; returns a function that removes the hook."""
        hooks = self.__dict__.setdefault("forward_hooks", [])
        hooks.append(hook)
        return lambda: hooks.remove(hook)

    def state_dict(self):
        """{name: copy of the array} of every parameter and buffer."""
        return {name: tensor.data.copy() for name, tensor in self._named((Parameter, Buffer))}

    def load_state_dict(self, state):
        """Set every parameter and buffer from {name: array}, all or none.

        Errors: ValueError that names the missing and the unexpected names, or the first array that does not fit.
        """
        own = dict(self._named((Parameter, Buffer)))
        missing, unexpected = own.keys() - state.keys(), state.keys() - own.keys()
        if missing or unexpected:
            raise ValueError(f"load_state_dict: missing {sorted(missing)}, unexpected {sorted(unexpected)}")
        arrays = {name: np.asarray(state[name]) for name in own}
        for name, tensor in own.items():
            if arrays[name].shape != tensor.shape:
                raise ValueError(f"load_state_dict: {name} has shape {arrays[name].shape}, the model expects {tensor.shape}")
            if arrays[name].dtype.kind not in "fiu":
                raise ValueError(f"load_state_dict: {name} holds {arrays[name].dtype}, the model expects numbers")
        for name, tensor in own.items():
            tensor.data = arrays[name].astype(tensor.dtype)


@contextmanager
def inference_mode(model):
    """Inside, the model infers and nothing is recorded; then each of its modules has the mode that it had before.

    A plan, or any other function, has no modes and passes as it is.
    """
    modes = [(module, module.training) for _, module in model.named_modules()] if isinstance(model, Module) else []
    for module, _ in modes:
        module.training = False
    try:
        with no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
