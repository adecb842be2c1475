"""Modules made of modules."""

from nnlite import functional as F
from nnlite.nn.convolution import Conv2d
from nnlite.nn.linear import Linear
from nnlite.nn.module import Module
from nnlite.nn.stateless import MaxPool2d, ReLU
from nnlite.tensor import is_tracing


class Sequential(Module):
    """y = the layers applied one after the other; layer i is the attribute named "i" (and `model[i]`).

    A convolution or linear layer takes the ReLU behind it, and a convolution a 2×2 max-pooling, along in its own pass: the
    results are the same, bit for bit. Where somebody looks at what lies between (a hook, or `trace`), each goes by itself.
    """

    def __init__(self, *layers):
        for i, layer in enumerate(layers):
            setattr(self, str(i), layer)

    def forward(self, x):
        for layer, behind in in_one_pass([layer for _, layer in self.children()]):
            x = layer(x, **behind)
        return x

    def __len__(self):
        return len(self.children())

    def __getitem__(self, i):
        return self.children()[i][1]

    def __setitem__(self, i, layer):
        setattr(self, self.children()[i][0], layer)


class Residual(Module):
    """y = relu(block(x) + shortcut(x)); the shortcut is x itself where none is given.

    Source: He et al. 2016 (arXiv 1512.03385), eq. 1 and 2.
    """

    def __init__(self, block, shortcut=None):
        self.block, self.shortcut = block, shortcut

    def forward(self, x):
        return F.relu(self.block(x) + (x if self.shortcut is None else self.shortcut(x)))


def in_one_pass(layers):
    """Which layer takes which ones behind it along: [(layer, {}), (convolution, {"relu": True, "pool": True}), …]."""
    passes = []
    for layer in layers:
        option = _option(*passes[-1], layer) if passes else None
        if option:
            passes[-1][1][option] = True
        else:
            passes.append((layer, {}))
    return passes


def _option(before, taken, layer):
    """The option by which `before` takes this layer along, or None."""
    if is_tracing() or "forward_hooks" in vars(before) or "forward_hooks" in vars(layer):
        return None
    if type(before) in (Conv2d, Linear) and type(layer) is ReLU and "relu" not in taken:
        return "relu"
    if type(before) is Conv2d and type(layer) is MaxPool2d and layer.is_2x2() and "pool" not in taken:
        return "pool"
    return None
