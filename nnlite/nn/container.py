"""Modules made of modules."""

from nnlite import functional as F
from nnlite.nn.fusion import in_one_pass, run_in_one_pass
from nnlite.nn.module import Module


class Sequential(Module):
    """y = the layers applied one after the other; layer i is the attribute named "i" (and `model[i]`).

    A Conv2d or Linear is computed in one pass with the ReLU (and, for Conv2d, the 2×2 MaxPool2d) that follows it; the results
    are the same, bit for bit (see `fusion`).
    """

    def __init__(self, *layers):
        for i, layer in enumerate(layers):
            setattr(self, str(i), layer)

    def forward(self, x):
        for layers in in_one_pass([layer for _, layer in self.children()]):
            x = run_in_one_pass(layers, x)
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
