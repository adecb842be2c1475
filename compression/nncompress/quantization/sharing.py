"""Weight sharing: the weights of a layer take at most k values, a codebook, which is then trained.

    kmeans groups the weights; each weight keeps the number I of its group
    forward:   w_ij = C[I_ij]                          a weight is looked up
    backward:  ∂L/∂C_k = Σ_ij ∂L/∂w_ij [I_ij = k]      a value gets the gradients of all weights that share it

Weights that are 0 (pruned) stay 0: they are code 0, and no value of the codebook.

Source: Han, Mao, Dally 2016 (arXiv 1510.00149), Deep Compression, §3 and eq. 3.
"""

from typing import NamedTuple

import numpy as np

from nncompress.quantization.affine import check_finite
from nnlite import nn
from nnlite.tensor import Operation, Tensor, record

MOST_ROUNDS = 1000  # of Lloyd's algorithm, which takes some dozens


class Shared(NamedTuple):
    """values (k,) float32 in rising order; codes of the weights' shape, 0 for a 0 and i + 1 for values[i]."""

    values: np.ndarray
    codes: np.ndarray


def first_values(w, k, init, rng=None):
    """Where the k groups begin, in rising order, for sorted numbers w (n,), k ≤ n -> (k,) float64.

    init "linear": k values from min w to max w in equal steps; the few large weights, which matter, begin with values of their
    own.
    "density": the quantiles (i + ½)/k of w, so that each value begins with as many weights.
    "random": k of the numbers, drawn without repetition by `rng` (a Generator or seed), which Forgy proposed.
    """
    if init == "linear":
        return np.linspace(w[0], w[-1], k)
    if init == "density":
        return np.quantile(w, (np.arange(k) + 0.5) / k)
    return np.sort(np.random.default_rng(rng).choice(w, k, replace=False))


def nearest(w, values):
    """For each of the numbers w the place of the nearest of the rising values; of two equally near ones, the lower."""
    return np.searchsorted((values[:-1] + values[1:]) / 2, w, side="left")


def kmeans(w, k, init="linear", rng=None):
    """Group the weights that are not 0 around at most k values -> Shared, by Lloyd's algorithm.

        repeat:  I_i = the nearest value of w_i;   C_k = mean of the w_i with I_i = k         until nothing changes

    Neither step makes Σ (w_i − C_{I_i})² larger. The end is a minimum, not always the least one: it depends on `init` (see
    `first_values`). A group that has become empty is dropped. With at most k different weights each is a value, exactly.
    w any shape, k from 1 up, init "linear", "density" or "random".
    Errors: ValueError for another k or init, NaN and infinity.

    >>> kmeans([[0.0, 1.0, 1.5], [-2.0, -4.0, 1.25]], 2)
    Shared(values=array([-3.  ,  1.25], dtype=float32), codes=array([[0, 2, 2],
           [1, 1, 2]], dtype=uint8))
    """
    if not k >= 1:
        raise ValueError(f"kmeans: k has to be at least 1, got {k}")
    if init not in ("linear", "density", "random"):
        raise ValueError(f'kmeans: init has to be "linear", "density" or "random", got {init!r}')
    w = np.asarray(w, np.float32)
    check_finite("kmeans", w)
    numbers = np.sort(w[w != 0].astype(np.float64))
    different = np.unique(numbers)
    if len(different) <= k:
        values = different
    else:
        values = _lloyd(numbers, first_values(different if init == "random" else numbers, k, init, rng))
    codes = np.where(w != 0, nearest(w, values) + 1 if len(values) else 0, 0)
    return Shared(values.astype(np.float32), codes.astype(np.min_scalar_type(len(values))))


def _lloyd(w, values):
    """The values at the end, for sorted w: each group is a run of neighbours, whose sum is a difference of running sums."""
    running = np.concatenate([[0.0], np.cumsum(w)])
    for _ in range(MOST_ROUNDS):
        ends = np.searchsorted(w, (values[:-1] + values[1:]) / 2, side="right")
        starts, ends = np.concatenate([[0], ends]), np.concatenate([ends, [len(w)]])
        used = ends > starts
        means = (running[ends] - running[starts])[used] / (ends - starts)[used]
        if len(means) == len(values) and (means == values).all():
            break
        values = means
    return values


class Lookup(Operation):
    """w_ij = C[I_ij], 0 where the code is 0;   dC_k = Σ_ij dw_ij [I_ij = k].   Code i + 1 stands for C[i]."""

    def __init__(self, codes):
        self.codes = codes

    def forward(self, C):
        self.k = len(C)
        return np.concatenate([np.zeros(1, C.dtype), C])[self.codes]

    def backward(self, dw):
        return (np.bincount(self.codes.ravel(), dw.ravel(), self.k + 1)[1:].astype(dw.dtype),)


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
