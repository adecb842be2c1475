"""LoRA: the pretrained weights stay, and a matrix of low rank is learned beside each of them.

    W' = W + (α/r) B A        A (r, I), B (O, r), I = C·kh·kw for a convolution

Only A and B train: r (O + I) numbers in place of O I. B starts with zeros, so training starts from the pretrained model.

    add_lora(model, rank=4)
    unfreeze(model, "fc2")                                  # the new head trains as it is
    fit(model, loader, SGD([p for p in model.parameters() if p.requires_grad], lr=0.05), epochs=10)
    merge_lora(model)                                       # W' are plain weights again: same logits, bit for bit

Source: Hu et al. 2021, arXiv 2106.09685.
"""

from fnmatch import fnmatchcase
from math import prod

import numpy as np

from nnlite import Tensor, nn
from nnlite.nn.init import uniform_fan_in
from nnlite.nn.parametrize import register_parametrization, remove_parametrization
from nntransfer.finetune.layers import freeze, name_of_head


class LowRank(nn.Module):
    """The transform of a weight W (O, …) of float numbers:   W' = W + (α/r) B A.

    A (r, I) starts with U(−1/√I, 1/√I), B (O, r) with zeros; I = W.size / O.   scaling: α/r.
    Source: Hu et al. 2021 (arXiv 2106.09685), §4.1, eq. 3.
    """

    def __init__(self, A, B, scaling):
        self.A, self.B, self.scaling = nn.Parameter(A), nn.Parameter(B), scaling

    def forward(self, W):
        return W + (self.scaling * (self.B @ self.A)).reshape(*W.shape)


class LowRankOnInt8(nn.Module):
    """The transform of a weight that is held as 8-bit integers:   W' = S q + (α/r) B A.

        W'[o] = S[o] q[o] + (α/r) Σ_k B[o, k] A[k]

    q (O, …) int8 and S (O,) or (1,) float32 are constants. The layer holds one byte for each weight and no float copy of W.
    B is the parametrization's `original`, A a parameter of this transform.
    """

    def __init__(self, q, S, A, scaling):
        self.q, self.S, self.A, self.scaling = nn.Buffer(q), nn.Buffer(S), nn.Parameter(A), scaling

    def right_inverse(self, W):
        """B = 0, in the weight's place."""
        return Tensor(np.zeros((len(self.q.data), len(self.A.data)), self.A.dtype))

    def forward(self, B):
        q = self.q.data
        W = self.S.data.reshape(-1, *[1] * (q.ndim - 1)) * q.astype(self.A.dtype)
        return Tensor(W) + (self.scaling * (B @ self.A)).reshape(*q.shape)


def add_lora(model, rank, layers=None, *, alpha=None, base=None, rng=0):
    """Put an adapter of rank r beside the weights of Linear and Conv2d layers, and freeze all else; returns the layers' names.

    rank: r ≥ 1; a layer with fewer outputs or inputs than r gets that many.   alpha: α > 0, by default r, so that α/r = 1.
    layers: names or patterns, such as ["conv*"]; by default all Linear and Conv2d layers except the last Linear, the head.
    base: a function of a weight W (O, …) float32 -> (q int8 of its shape, S (O,) or (1,) float32) with W ≈ S q. The layer then
    holds q in the place of W, so the frozen model has 8-bit weights. By default W stays as it is.
    rng: a Generator or a seed of the first A. B starts at 0, so the model's outputs do not change at first, except by the
    rounding of a `base`. Each use of a layer computes W' anew: O·I·r multiply-adds, few beside those of a batch of images.
    Errors: ValueError for a rank below 1, an α that is not positive, a name that no such layer has, a model in which no
    layer gets an adapter, a weight that is parametrized already, and a base that gives other shapes or types; TypeError for a
    string in the place of the list of layers. The model is then as it was.
    Source: Hu et al. 2021 (arXiv 2106.09685), §4.1; over integers: Dettmers et al. 2023 (arXiv 2305.14314), §3.
    """
    alpha = rank if alpha is None else alpha
    if rank < 1:
        raise ValueError(f"add_lora: the rank is a whole number from 1 up, got {rank}")
    if not 0 < alpha < np.inf:
        raise ValueError(f"add_lora: alpha has to be a number above 0, got {alpha}")
    chosen, rng = _layers(model, layers), np.random.default_rng(rng)
    transforms = {name: _transform(name, layer.weight.data, rank, alpha, base, rng) for name, layer in chosen.items()}
    freeze(model)
    for name, layer in chosen.items():
        register_parametrization(layer, "weight", transforms[name])
        if base is not None:
            layer.parametrizations["weight"].original.requires_grad = True  # it is B now
    return list(chosen)


def _layers(model, patterns):
    """{name: layer} of the layers that get an adapter, in the model's order.

    patterns: `layers` of `add_lora`, with its default and its errors.
    """
    fitting = {name: layer for name, layer in model.named_modules() if name and isinstance(layer, nn.Linear | nn.Conv2d)}
    if patterns is None:
        head = name_of_head("add_lora", model)
        chosen = {name: layer for name, layer in fitting.items() if name != head}
    else:
        if isinstance(patterns, str):  # its characters would be taken for names
            raise TypeError(f"add_lora: layers is a list of names, such as [{patterns!r}], got the string {patterns!r}")
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in fitting):
                raise ValueError(f"add_lora: there is no Linear or Conv2d layer {pattern!r}, only {', '.join(fitting)}")
        chosen = {name: layer for name, layer in fitting.items() if any(fnmatchcase(name, p) for p in patterns)}
    if not chosen:
        raise ValueError(f"add_lora: no layer gets an adapter: `layers` names none, or the {type(model).__name__} has no "
                         "Linear or Conv2d layer but its head")
    for name, layer in chosen.items():
        if "weight" not in vars(layer):
            raise ValueError(f"add_lora: {name}.weight is computed by a parametrization: call remove_parametrization first")
    return chosen


def _transform(name, W, rank, alpha, base, rng):
    """A new LowRank for the weight W of the layer `name`, or a LowRankOnInt8 if there is a base.

    rank, alpha, base: those of `add_lora`.   rng: a Generator.
    A and B have W's dtype. The factor is α/rank also where the layer's r is smaller.
    """
    O, I = len(W), prod(W.shape[1:])
    r = min(rank, O, I)
    A = uniform_fan_in((r, I), I, rng).astype(W.dtype)
    if base is None:
        return LowRank(A, np.zeros((O, r), W.dtype), alpha / rank)
    q, S = base(W)
    if q.shape != W.shape or q.dtype != np.int8:
        raise ValueError(f"add_lora: the base of {name} gives {q.dtype} {q.shape}, expected int8 {W.shape}")
    S = np.atleast_1d(np.asarray(S, np.float32))
    if S.size not in (1, O):
        raise ValueError(f"add_lora: the base of {name} gives {S.size} scales, expected 1 or {O}")
    return LowRankOnInt8(q, S.reshape(-1), A, alpha / rank)


def merge_lora(model):
    """Make each W' a plain weight, without the adapters; returns the names of the layers.

    The logits stay the same, bit for bit: the weights are the numbers that the adapters gave. Frozen parameters stay frozen;
    the merged weights are frozen, too, until `unfreeze`. Over a base of integers the merged weight S q + (α/r) B A is float. It
    does not lie on the grid of q, so it is rounded if the model is quantized again.
    Errors: ValueError for a model without an adapter.
    """
    merged = []
    for name, layer in list(model.named_modules()):
        computed = vars(layer).get("parametrizations", {})
        if "weight" in computed and any(isinstance(t, LowRank | LowRankOnInt8) for t in computed["weight"]):
            remove_parametrization(layer, "weight")
            layer.weight.requires_grad = False
            merged.append(name)
    if not merged:
        raise ValueError(f"merge_lora: this {type(model).__name__} has no adapter")
    return merged
