"""Weight sharing in training: the weights of a layer take at most k values, and training moves the values.

    `kmeans` groups the weights; each weight keeps the code I of its group, 1 … k; a pruned weight has the code 0 and stays 0
    forward:   w_ij = C[I_ij − 1]                          a weight is looked up
    backward:  ∂L/∂C_i = Σ ∂L/∂w_ij over I_ij = i + 1      a value gets the gradients of all weights that share it

Source: Han, Mao, Dally 2016 (arXiv 1510.00149), Deep Compression, §3 and eq. 3.
"""

import numpy as np

from nncompress.quantization.clusters import codebook_gradient, kmeans, look_up
from nnlite import nn
from nnlite.tensor import Operation, Tensor, record


class Lookup(Operation):
    """w = C[I − 1], 0 where the code I is 0;   dC_i = Σ dw over the places with I = i + 1   (see `codebook_gradient`)."""

    def __init__(self, codes):
        self.codes = codes

    def forward(self, C):
        self.k = len(C)
        return look_up(C, self.codes)

    def backward(self, dw):
        return (codebook_gradient(dw, self.codes, self.k),)


class SharedWeight(nn.Module):
    """The transform from a codebook to a weight, for `nn.register_parametrization(layer, "weight", SharedWeight(k))`.

    At registration the weight is grouped by `kmeans`; from then on the parameter `original` is the codebook, (≤ k,), and an
    optimizer moves the k values. The codes are a buffer and do not change.   k, init, rng: those of `kmeans`.

    >>> layer = nn.register_parametrization(nn.Linear(4, 2, rng=0), "weight", SharedWeight(3))
    >>> layer.parametrizations["weight"].original.shape, len(np.unique(layer.weight.data))
    ((3,), 3)
    """

    def __init__(self, k, init="linear", rng=None):
        self.k, self.init, self.seed = k, init, rng
        self.codes = nn.Buffer(np.zeros(0, np.uint8))

    def right_inverse(self, w):
        """The codebook of a weight, a Tensor; its codes are kept."""
        values, self.codes.data = kmeans(w.data, self.k, self.init, self.seed)
        return Tensor(values.astype(w.dtype))

    def forward(self, C):
        return record(Lookup(self.codes.data), C)


def share_weights(model, k, init="linear", rng=None):
    """Let the weights of every Conv2d and Linear of a model take at most k values (and 0), which training moves.

    k: a number, or {layer name: number} for the layers to change; in the paper 256 for convolutions and 32 for linear layers.
    Biases stay as they are.   init, rng: those of `kmeans`.   Returns the model, changed in place.
    `nn.remove_parametrization(layer, "weight")` makes plain weights again, which still have k values; `.nnz` files keep them as
    codes, and `quantize(model, …, per="layer")` as at most k + 1 integers.
    Errors: ValueError for a name that no such layer has, and those of `kmeans`.
    """
    rng = np.random.default_rng(rng)
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, (nn.Conv2d, nn.Linear))}
    sizes = k if isinstance(k, dict) else dict.fromkeys(layers, k)
    for name in sizes:
        if name not in layers:
            raise ValueError(f"share_weights: no layer is called {name!r}, there are {', '.join(layers)}")
    for name, size in sizes.items():
        nn.register_parametrization(layers[name], "weight", SharedWeight(size, init, rng))
    return model
