"""Modules made of modules."""

from nnlite import functional as F
from nnlite.nn.module import Module


class Sequential(Module):
    """y = the layers applied one after the other; layer i is the attribute named "i" (and `model[i]`)."""

    def __init__(self, *layers):
        for i, layer in enumerate(layers):
            setattr(self, str(i), layer)

    def forward(self, x):
        for _, layer in self.children():
            x = layer(x)
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
