"""What the tests ask of your code: each function computes with your functions and returns arrays, names and numbers.

First the empty packages of this handout get the names that your file imports. The layers are simple and slow here: they are
made of operations that are on the tape.
"""

import numpy as np
import tensor_operators  # noqa: F401  Tensor gets its operators

from nnlite import nn
from nnlite.functional import choice, shape
from nnlite.nn import container, lists, module, normalization
from nnlite.tensor import Tensor, no_grad

Tensor.view, Tensor.permute = shape.reshape, shape.permute


class Sequential(lists.ModuleList):
    """The layers one after the other."""

    def __init__(self, *layers):
        super().__init__(layers)

    def forward(self, x):
        for layer in self:
            x = layer(x)
        return x


class Linear(module.Module):
    """y = x wᵀ + b"""

    def __init__(self, in_features, out_features, rng):
        self.weight = module.Parameter(rng.normal(size=(out_features, in_features)).astype(np.float32))
        self.bias = module.Parameter(rng.normal(size=out_features).astype(np.float32))

    def forward(self, x):
        return x @ self.weight.transpose(0, 1) + self.bias


class Conv2d(module.Module):
    """The weight of a convolution, which no test computes."""

    def __init__(self, in_channels, out_channels, kernel_size, rng):
        self.weight = module.Parameter(rng.normal(size=(out_channels, in_channels, *kernel_size)).astype(np.float32))


class ReLU(module.Module):
    """y = max(x, 0)"""

    def forward(self, x):
        return choice.maximum(x, np.zeros((), x.dtype))


class BatchNorm(module.Module):
    """A name that finetune/layers.py asks for; no model here has one."""


nn.Buffer = module.Buffer
nn.Linear, nn.Conv2d, nn.ReLU, container.Sequential, normalization.BatchNorm = Linear, Conv2d, ReLU, Sequential, BatchNorm
from nnlite.nn import parametrize  # noqa: E402  these import the names above
from nntransfer.finetune import lora  # noqa: E402
from nntransfer.finetune.layers import unfreeze  # noqa: E402


class Model(module.Module):
    """Layers by name: ("fc1", (4, 3)) is a Linear, ("conv1", (2, 3, 2, 2)) a Conv2d. Between Linears stands a ReLU."""

    def __init__(self, layers, dtype=np.float32):
        rng = np.random.default_rng(0)
        for name, sizes in layers:
            setattr(self, name, Linear(*sizes, rng) if len(sizes) == 2 else Conv2d(*sizes[:2], sizes[2:], rng))
        self.relu = ReLU()
        for parameter in self.parameters():
            parameter.data = parameter.data.astype(dtype)

    def forward(self, x):
        first, *others = [layer for layer in self.children() if isinstance(layer, Linear)]
        x = first(Tensor(x))
        for layer in others:
            x = layer(self.relu(x))
        return x


def rounded(W):
    """A base: 8-bit integers, with a scale for each output."""
    S = np.abs(W).reshape(len(W), -1).max(axis=1).astype(np.float32) / 127
    return np.rint(W / S.reshape(-1, *[1] * (W.ndim - 1))).astype(np.int8), S


def halves(W):
    """A base that is far from W: integers with one scale for all."""
    return np.rint(2 * W).astype(np.int8), np.float32([0.5])


BASES = {None: None, "rounded": rounded, "halves": halves, "floats": lambda W: (W, np.float32([1.0])),
         "shape": lambda W: (rounded(W)[0].ravel(), np.float32([1.0])),
         "scales": lambda W: (rounded(W)[0], np.ones(len(W) + 1))}


def low_rank(W, A, B, scaling, dW):
    """(W', dA, dB) where dW is the gradient of W'."""
    transform = lora.LowRank(np.array(A), np.array(B), scaling)
    changed = transform(Tensor(W))
    changed.backward(dW)
    return changed.data, transform.A.grad, transform.B.grad


def on_int8(q, S, A, B, scaling, dW):
    """(W', dA, dB) over a base of integers."""
    transform, B = lora.LowRankOnInt8(q, S, np.array(A), scaling), Tensor(np.array(B), requires_grad=True)
    changed = transform(B)
    changed.backward(dW)
    return changed.data, transform.A.grad, B.grad


def start_on_int8(q, S, A, W):
    """The array that stands in the weight's place at first."""
    return Tensor(lora.LowRankOnInt8(q, S, A, 1.0).right_inverse(Tensor(W))).data


def adapters(model, names):
    """[(A, B, scaling)] of the layers with these names."""
    found, layers = [], dict(model.named_modules())
    for name in names:
        computed = layers[name].parametrizations["weight"]
        B = computed[0].B if isinstance(computed[0], lora.LowRank) else computed.original
        found.append((computed[0].A, B, computed[0].scaling))
    return found


def added(layers, rank, patterns=None, alpha=None, base=None, seed=0, float64=False, twice=False):
    """Adapters beside the layers of a model. twice: after another model's, with the same Generator.

    -> (the names, [(A, B, scaling, W before, W' after)], the names of what trains)
    """
    rng = np.random.default_rng(seed) if twice else seed
    for _ in range(1 + twice):
        model = Model(layers, np.float64 if float64 else np.float32)
        before = {name: layer.weight.data.copy() for name, layer in model.named_children() if hasattr(layer, "weight")}
        patterns = None if patterns is None else list(patterns)
        names = lora.add_lora(model, rank, patterns, alpha=alpha, base=BASES[base], rng=rng)
    arrays = tuple((A.data, B.data, float(scaling), before[name], getattr(model, name).weight.data)
                   for name, (A, B, scaling) in zip(names, adapters(model, names), strict=True))
    return tuple(names), arrays, tuple(sorted(name for name, p in model.named_parameters() if p.requires_grad))


def refused_and_unchanged(layers, rank, patterns=None, alpha=None, base=None, parametrized=None):
    """Whether `add_lora` raises a ValueError and leaves the model as it was. parametrized: a layer that is so already."""
    model = Model(layers)
    if parametrized is not None:
        parametrize.register_parametrization(getattr(model, parametrized), "weight", ReLU())
    before, trained = model.state_dict(), [p.requires_grad for p in model.parameters()]
    try:
        lora.add_lora(model, rank, None if patterns is None else list(patterns), alpha=alpha, base=BASES[base])
    except ValueError:
        after = model.state_dict()
        return (list(after) == list(before) and all(after[name].tobytes() == before[name].tobytes() for name in before)
                and [p.requires_grad for p in model.parameters()] == trained)
    return False


def merged(layers, rank, base, images, seed):
    """A model whose B are random numbers, merged.

    -> (the names, the logits before and after, the names of its state, whether each weight trains, W' before, weights after)
    """
    model, rng = Model(layers), np.random.default_rng(seed)
    names = lora.add_lora(model, rank, base=BASES[base])
    for _, B, _ in adapters(model, names):
        B.data = rng.normal(size=B.shape).astype(np.float32)
    with no_grad():
        before, weights = model(images).data, tuple(getattr(model, name).weight.data for name in names)
        merged = lora.merge_lora(model)
        after = model(images).data
    plain = [getattr(model, name).weight for name in names]
    return (tuple(merged), before, after, tuple(model.state_dict()), tuple(w.requires_grad for w in plain), weights,
            tuple(w.data for w in plain))


def merge_another_kind(layers, parametrized):
    """Merge a model in which one layer has another parametrization -> whether it still has it, and whether one is refused."""
    model, plain = Model(layers), Model(layers)
    for either in (model, plain):
        parametrize.register_parametrization(getattr(either, parametrized), "weight", ReLU())
    lora.add_lora(model, 1, [name for name, _ in layers if name != parametrized])
    lora.merge_lora(model)
    try:
        lora.merge_lora(plain)
    except ValueError:
        return "parametrizations" in vars(getattr(model, parametrized)), True
    return "parametrizations" in vars(getattr(model, parametrized)), False


def adapt(images, labels, weights, rank, base, batches, rate):
    """Adapters beside fc1 of a network 64 → 48 → 10, and a head that trains -> the merged w1, b1, w2, b2."""
    model = Model((("fc1", (64, 48)), ("fc2", (48, 10))))
    for parameter, array in zip(model.parameters(), weights, strict=True):
        parameter.data = np.array(array, np.float32)
    lora.add_lora(model, rank, base=BASES[base])
    unfreeze(model, "fc2")
    learning = [p for p in model.parameters() if p.requires_grad]
    for at in batches:
        z = model(images[at].astype(np.float32))
        e = np.exp(z.data - z.data.max(axis=1, keepdims=True))
        z.backward((e / e.sum(axis=1, keepdims=True) - np.eye(10)[labels[at]]) / len(at))
        for parameter in learning:
            parameter.data, parameter.grad = parameter.data - np.float32(rate) * parameter.grad, None
    lora.merge_lora(model)
    return model.fc1.weight.data, model.fc1.bias.data, model.fc2.weight.data, model.fc2.bias.data
