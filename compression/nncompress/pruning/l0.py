"""L0 gates: each input feature of a Linear and each filter of a Conv2d gets a gate that training can close.

    model = add_gates(models.lenet_5(), rng=0)
    loss = GateLoss(model, strength=0.1 / 60_000)
    fit(model, loader, optim.Adam(model.parameters(), lr=1e-3), epochs=200, loss=loss)
    masks = remove_gates(model)             # the model is plain again, closed gates have left zeros

The number of weights, the "L0 norm", has no gradient. But here a weight is there with a probability, and this probability has a
gradient.
The paper evaluates with a running average of all parameters, decay 0.999.
"""

import math

import numpy as np

from nncompress.layers import exchange_layers, weighted_layers
from nncompress.pruning.masks import Masks
from nnlite import functional as F
from nnlite import nn

BETA, LOW, HIGH = 2 / 3, -0.1, 1.1  # temperature, and the interval to which the gate is stretched before it is clipped


def hard_concrete(log_alpha, u):
    """Random gates: 0 with some probability, 1 with some, otherwise a number between.

        z = clip(1.2 s − 0.1, 0, 1),   s = sigmoid((ln u − ln(1 − u) + log α) / β),   β = 2/3

    log_alpha: Tensor or array.   u: uniform in (0, 1), of a shape that broadcasts with it -> Tensor.
    Source: Louizos, Welling & Kingma 2018 (arXiv 1712.01312), eq. 10 and 11, constants of §4.
    """
    s = F.sigmoid((log_alpha + np.log(u) - np.log1p(-u)) * (1 / BETA))
    return F.clamp(s * (HIGH - LOW) + LOW, 0.0, 1.0)


def expected_gate(log_alpha):
    """The gate at inference, without randomness.

        ẑ = clip(1.2 sigmoid(log α) − 0.1, 0, 1)

    log_alpha: Tensor or array -> Tensor.   Source: Louizos, Welling & Kingma 2018 (arXiv 1712.01312), eq. 13.
    """
    return F.clamp(F.sigmoid(log_alpha) * (HIGH - LOW) + LOW, 0.0, 1.0)


def open_probability(log_alpha):
    """The probability that a random gate is not 0.

        P(z ≠ 0) = sigmoid(log α − β ln(0.1/1.1)),   β = 2/3

    log_alpha: Tensor or array -> Tensor.   Source: Louizos, Welling & Kingma 2018 (arXiv 1712.01312), eq. 12.
    """
    return F.sigmoid(log_alpha - BETA * math.log(-LOW / HIGH))


class Gated(nn.Module):
    """A layer with gates: on the I input features of a Linear, on the O filters of a Conv2d.

        Linear: y = (z ⊙ x) wᵀ + b        Conv2d: y = z ⊙ (w∗x + b)

    z is `hard_concrete` in training, drawn for each image by itself, and `expected_gate` at inference.

    layer   the plain layer
    rng     Generator or seed of u, and of the first log α
    start   how far the gates are open in the beginning, 0 < start < 1: log α ~ N(ln(start/(1 − start)), 0.01²)

    Errors: ValueError for another start.
    Source: Louizos, Welling & Kingma 2018 (arXiv 1712.01312), §2.1 and §4.1 (group sparsity).
    """

    def __init__(self, layer, rng=None, start=0.8):
        if not 0 < start < 1:
            raise ValueError(f"Gated: start has to be between 0 and 1, got {start}")
        self.layer, self.rng = layer, np.random.default_rng(rng)
        size = layer.in_features if isinstance(layer, nn.Linear) else layer.out_channels
        first = self.rng.normal(math.log(start / (1 - start)), 0.01, size)
        self.log_alpha = nn.Parameter(first.astype(layer.weight.dtype))

    @property
    def group_size(self):
        """How many weights one gate governs; a filter's bias counts as one."""
        w = self.layer.weight
        return w.shape[0] if isinstance(self.layer, nn.Linear) else w.size // w.shape[0] + (self.layer.bias is not None)

    def gates(self, shape):
        """z for the gates on the last of these axes: random in training, else expected."""
        if not self.training:
            return expected_gate(self.log_alpha)
        u = self.rng.uniform(1e-6, 1 - 1e-6, shape).astype(self.log_alpha.dtype)
        return hard_concrete(self.log_alpha, u)

    def forward(self, x):
        if isinstance(self.layer, nn.Linear):
            return self.layer(x * self.gates(x.shape))
        y = self.layer(x)
        z = self.gates(y.shape[:2])
        return y * z.reshape(*z.shape, 1, 1)


class GateLoss:
    """A loss for `fit` that asks for closed gates.

        L = loss(outputs, targets) + λ Σ_g |g| P(z_g ≠ 0),   |g| the number of weights of gate g

    model      with Gated layers
    strength   λ ≥ 0, the price of one weight; of the order of 0.1 / (number of training examples)
    loss       the loss without gates

    Errors: ValueError for a model without a Gated layer, and a negative strength.
    Source: Louizos, Welling & Kingma 2018 (arXiv 1712.01312), eq. 9 and 12.
    """

    def __init__(self, model, strength, loss=F.cross_entropy):
        self.layers = list(gated_layers(model).values())
        if not self.layers:
            raise ValueError(f"GateLoss: the {type(model).__name__} has no Gated layer; add_gates(model) makes them")
        if not strength >= 0:
            raise ValueError(f"GateLoss: the strength has to be 0 or more, got {strength}")
        self.strength, self.loss = strength, loss

    def __call__(self, outputs, *targets):
        total = self.loss(outputs, *targets)
        for layer in self.layers:
            total = total + open_probability(layer.log_alpha).sum() * (self.strength * layer.group_size)
        return total


def gated_layers(model):
    """{name: Gated} of a model, in its order."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Gated)}


def add_gates(model, rng=None, start=0.8):
    """Wrap every Conv2d and Linear below the model into Gated, in place; returns the model.

    rng: Generator or seed; each layer gets a generator of its own.   start: as in `Gated`.
    Afterwards make the optimizer: there are new parameters. `remove_gates` undoes it.
    Errors: ValueError for a model without such a layer below it.
    """
    layers = weighted_layers(model)
    if not layers:
        raise ValueError(f"add_gates: {type(model).__name__} has no Conv2d and no Linear below it")
    generators = np.random.default_rng(rng).spawn(len(layers))
    wrapped = {id(layer): Gated(layer, own, start) for layer, own in zip(layers.values(), generators, strict=True)}
    return exchange_layers(model, {name: wrapped[id(layer)] for name, layer in layers.items()})


def remove_gates(model):
    """Put the plain layers back, in place, multiplied by their expected gates -> the Masks of what the open gates leave.

        Linear: w[o, i] ← ẑ_i w[o, i]        Conv2d: w[o] ← ẑ_o w[o],  b[o] ← ẑ_o b[o]

    At inference the plain model computes what the gated one did. Whole columns and filters are 0; `shrink` takes them out.
    Errors: ValueError for a model without a Gated layer.
    Source: as `expected_gate`.
    """
    layers = gated_layers(model)
    if not layers:
        raise ValueError(f"remove_gates: the {type(model).__name__} has no Gated layer")
    kept = {}
    for name, gated in layers.items():
        z, layer = expected_gate(gated.log_alpha.data).data, gated.layer
        if isinstance(layer, nn.Linear):
            axes = (1, -1)
        else:
            axes = (-1, 1, 1, 1)
            if layer.bias is not None:
                layer.bias.data = layer.bias.data * z
        layer.weight.data = layer.weight.data * z.reshape(axes)
        kept[f"{name}.weight"] = np.broadcast_to(z.reshape(axes) > 0, layer.weight.shape).copy()
    exchange_layers(model, {name: gated.layer for name, gated in layers.items()})
    return Masks(model, kept)
