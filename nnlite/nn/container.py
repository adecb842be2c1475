"""Modules made of modules.

Source: the names are PyTorch's.
"""

from nnlite import functional as F
from nnlite.nn.fusion import in_one_pass, run_in_one_pass
from nnlite.nn.lists import check_module, free_name, name_at
from nnlite.nn.module import Module


class Sequential(Module):
    """y = the layers applied one after the other; layer i is the attribute named "i", and `model[i]`.

    layers: Modules, or one dict (an OrderedDict, say) of them, whose names the layers get. Another name is given by assignment,
    `model.fc1 = Linear(…)`, which appends. The input goes to the first layer as it is; without layers it is the result.
    `model[-1]` and `model[0] = layer` count as in a list; `model[1:3]` is a Sequential of the same layers, with their names.
    The same layer may stand in several places; then its parameters are found once, under the first name.
    Errors: TypeError for what is not a Module (a function, a class, a list); IndexError where there is no such layer.

    A Conv2d or Linear is computed in one pass with the ReLU (and, for Conv2d, the 2×2 MaxPool2d) that follows it; the results
    are the same, bit for bit (see `fusion`).
    """

    def __init__(self, *layers):
        named = len(layers) == 1 and isinstance(layers[0], dict)
        for name, layer in layers[0].items() if named else enumerate(layers):
            check_module("Sequential", name, layer)
            setattr(self, str(name), layer)

    def __setattr__(self, name, value):
        if callable(value):  # `model.act = F.relu` would be stored and never called
            check_module(type(self).__name__, name, value)
        super().__setattr__(name, value)

    def forward(self, x):
        for layers in in_one_pass(self):
            x = run_in_one_pass(layers, x)
        return x

    def append(self, layer):
        """Add a layer at the end, named by the first free number from len(model) on; returns the model."""
        check_module(type(self).__name__, "append", layer)
        setattr(self, free_name(self), layer)
        return self

    def extend(self, layers):
        """Append each of the layers; returns the model."""
        for layer in list(layers):
            self.append(layer)
        return self

    def __len__(self):
        return len(_layers(self))

    def __iter__(self):
        return iter(_layers(self).values())

    def __getitem__(self, i):
        layers = _layers(self)
        if isinstance(i, slice):
            return Sequential(dict(list(layers.items())[i]))
        return layers[name_at(layers, i, "Sequential")]

    def __setitem__(self, i, layer):
        check_module(type(self).__name__, i, layer)
        setattr(self, name_at(_layers(self), i, "Sequential"), layer)


def _layers(model):
    """{name: layer}, a layer in two places twice."""
    return {name: value for name, value in vars(model).items() if isinstance(value, Module)}


class Residual(Module):
    """y = relu(block(x) + shortcut(x)); the shortcut is x itself where none is given.

    block, shortcut: Modules whose results have the same shape, or shapes that broadcast.
    Errors: TypeError where one of them is not a Module.   Source: He et al. 2016 (arXiv 1512.03385), eq. 1 and 2.
    """

    def __init__(self, block, shortcut=None):
        check_module("Residual", "block", block)
        if shortcut is not None:
            check_module("Residual", "shortcut", shortcut)
        self.block, self.shortcut = block, shortcut

    def forward(self, x):
        return F.relu(self.block(x) + (x if self.shortcut is None else self.shortcut(x)))
