"""Parametrization: a layer's weight that is computed, at each use, from another parameter.

    weight = T_n(… T_2(T_1(original)))

`original` is trained, saved and found by `parameters()`; the T are Modules and may have parameters of their own: a mask, a grid
of a few values, a learned step. `layer.weight` stays what everybody reads: the layer's forward, `trace`, `compile`, `quantize`.

    register_parametrization(layer, "weight", Grid())      # layer.weight is now Grid()(original)
    remove_parametrization(layer, "weight")                # a plain Parameter again, with the values computed last

Source: the names are those of `torch.nn.utils.parametrize`.
"""

from contextlib import contextmanager

import numpy as np

from nnlite.nn.container import Sequential
from nnlite.nn.lists import ModuleDict
from nnlite.nn.module import Module, Parameter, inference_mode
from nnlite.tensor import no_grad


class Parametrized(Sequential):
    """A computed parameter: the parameter `original`, and the transforms that are applied to it one after the other."""

    def __init__(self, original):
        super().__init__()
        self.original = original

    def forward(self):
        return super().forward(self.original)


def register_parametrization(module, name, transform):
    """Compute a module's parameter by a transform: from now on `module.name` is `transform(original)`, computed at each use.

    name: of a Parameter of the module, such as "weight".   transform: a Module from Tensor to Tensor. Where the parameter is
    parametrized already, the transform is applied after those that are there. Returns the module.

    `original` is the Parameter object that was the weight, so an optimizer that has it goes on training it. It and the
    transform's own parameters are named "parametrizations.weight.original", "parametrizations.weight.0.…", …
    A transform that has a method `right_inverse` says what `original` has to be: its data become right_inverse(weight).data.
    A write to `module.weight.data` is lost, since the next use computes the weight again: change `original`.
    Errors: ValueError where the module has no such parameter; TypeError for a transform that is not a Module.
    """
    if not isinstance(transform, Module):
        raise TypeError(f"register_parametrization: the transform is a {type(transform).__name__}, expected a Module")
    original = vars(module).get(name)
    computed = vars(module).get("parametrizations", {})
    if name not in computed and not isinstance(original, Parameter):
        raise ValueError(f"register_parametrization: {type(module).__name__} has no parameter {name!r}")
    inverse = getattr(transform, "right_inverse", None)
    if name in computed:
        if inverse is not None:
            raise ValueError(f"register_parametrization: {name} is parametrized already, and {type(transform).__name__} needs "
                             "the plain weight (it has a right_inverse): register it first")
        computed[name].append(transform)
        return module
    if inverse is not None:
        with no_grad():
            original.data = np.array(inverse(original).data)
    del vars(module)[name]
    if not computed:
        module.parametrizations = ModuleDict()
    module.parametrizations[name] = Parametrized(original)
    module.parametrizations[name].append(transform)
    return module


def remove_parametrization(module, name):
    """Make a computed parameter a plain one again: the Parameter `original`, with the values that the transforms give now.

    The transforms compute in inference mode. Returns the module.   Errors: ValueError where `name` is not parametrized.
    """
    computed = vars(module).get("parametrizations", {})
    if name not in computed:
        raise ValueError(f"remove_parametrization: {name!r} of this {type(module).__name__} is not parametrized")
    with inference_mode(module):
        value = np.array(computed[name]().data)
    original = computed[name].original
    original.data, original.grad = value, None
    del module.parametrizations[name]
    if not len(module.parametrizations):
        del module.parametrizations
    setattr(module, name, original)
    return module


def check_plain(what, prefix, module):
    """ValueError for a module that has a computed parameter, which cannot be cut or masked by its name."""
    for name in vars(module).get("parametrizations", ()):
        raise ValueError(f"{what}: {prefix + '.' if prefix else ''}{name} is computed by a parametrization: call "
                         f"remove_parametrization(module, {name!r}) first, or make the mask a transform, too")


@contextmanager
def computed_once(model):
    """Inside, each computed parameter is a frozen Parameter under its own name, with the value that it has now.

    `trace` and `lower` use it: they see "conv1.weight", not the operations that it is computed by. Another function than a
    Module passes as it is.
    """
    added = []
    for module in list(model.modules()) if isinstance(model, Module) else []:
        for name, computed in vars(module).get("parametrizations", {}).items():
            if name not in vars(module):
                with inference_mode(module):
                    value = Parameter(computed().data)
                value.requires_grad = False
                vars(module)[name] = value
                added.append((module, name))
    try:
        yield
    finally:
        for module, name in added:
            del vars(module)[name]
