"""Sparse variational dropout: every weight gets its own noise, and a weight goes if it is mostly noise.

    model = add_noise(models.lenet_300_100(), rng=0)
    loss = VariationalLoss(model, examples=60_000, start=5 * len(loader), end=20 * len(loader))
    fit(model, loader, optim.Adam(model.parameters(), lr=1e-3), epochs=200, loss=loss)
    masks = remove_noise(model)             # the model is plain again, its noisy weights are 0

A weight w ~ N(θ, σ²) has the ratio α = σ²/θ² of noise to signal. The prior, p(|w|) ∝ 1/|w|, asks only for a large α, whatever
the size of the weight.
"""

import numpy as np

from nncompress.layers import exchange_layers, weighted_layers
from nncompress.pruning.masks import Masks
from nnlite import functional as F
from nnlite import nn

K1, K2, K3 = 0.63576, 1.87320, 1.48695
THRESHOLD = 3.0  # log α of a weight that goes: its noise has e³ = 20 times the variance of its signal
LIMIT = 8.0  # |log α| is at most this
EPSILON = 1e-8  # keeps logarithm and root from 0


def log_alpha(theta, log_sigma2):
    """log α = log σ² − log(θ² + 1e-8), clipped to −8 … 8.

    theta θ and log_sigma2 log σ² of one shape -> Tensor of that shape.
    Source: Molchanov et al. 2017 (arXiv 1701.05369), §4.2.
    """
    return F.clamp(log_sigma2 - F.log(theta * theta + EPSILON), -LIMIT, LIMIT)


def kl_of_noise(log_alpha):
    """The divergence of the weights' distribution from the prior, up to a constant.

        Σ KL = Σ k1 + ½ ln(1 + 1/α) − k1 · sigmoid(k2 + k3 log α),   k1 = 0.63576, k2 = 1.87320, k3 = 1.48695

    It falls from ½ ln(1/α) for little noise to 0 for much noise. The true divergence lies within 0.01 of it.

    log_alpha: Tensor or array of any shape -> Tensor with one number.
    Source: Molchanov et al. 2017 (arXiv 1701.05369), eq. 14.
    """
    return (K1 + 0.5 * F.softplus(0.0 - log_alpha) - K1 * F.sigmoid(K2 + K3 * log_alpha)).sum()


class Noisy(nn.Module):
    """A Linear or Conv2d whose weights are noisy in training, each by its own σ.

        y = θ∗x + b + √(σ²∗x² + 1e-8) · ε,   ε ~ N(0, 1)        in training; ∗ is the layer's product or convolution
        y = θ∗x + b                                              at inference

    This is y of w ~ N(θ, σ²) with the noise drawn for each output number instead of each weight (local reparametrisation): less
    noise in the gradients, and two products instead of one for each image. A weight with log α ≥ 3 counts as θ = σ = 0 in both.

    layer   the plain layer; its weight is θ, its options and bias stay
    rng     Generator or seed of ε
    start   log σ² in the beginning

    Source: Molchanov et al. 2017 (arXiv 1701.05369), eq. 17 and §4.2; local reparametrisation: Kingma et al. 2015 (arXiv
    1506.02557), eq. 6.
    """

    def __init__(self, layer, rng=None, start=-10.0):
        self.layer = layer
        self.log_sigma2 = nn.Parameter(np.full_like(layer.weight.data, start))
        self.rng = np.random.default_rng(rng)

    def kept(self):
        """Booleans of the weight's shape: log α < 3."""
        return log_alpha(self.layer.weight.data, self.log_sigma2.data).data < THRESHOLD

    def log_alpha(self):
        """log α of each weight, a Tensor of the weight's shape."""
        return log_alpha(self.layer.weight, self.log_sigma2)

    def forward(self, x):
        theta, kept = self.layer.weight, self.kept().astype(self.layer.weight.dtype)
        mean = apply_weight(self.layer, x, theta * kept, self.layer.bias)
        if not self.training:
            return mean
        variance = apply_weight(self.layer, x * x, F.exp(self.log_sigma2) * kept, None)
        epsilon = self.rng.standard_normal(mean.shape, dtype=np.float32).astype(mean.dtype, copy=False)
        return mean + F.sqrt(variance + EPSILON) * epsilon


def apply_weight(layer, x, w, b):
    """The product or convolution of a layer, with another weight and bias."""
    if isinstance(layer, nn.Linear):
        return F.linear(x, w, b)
    return F.conv2d(x, w, b, layer.stride, layer.padding, layer.dilation, layer.groups)


class VariationalLoss:
    """A loss for `fit` that rewards noise: at first not at all, then more and more.

        L = loss(outputs, targets) + r/N · Σ KL,   r = (t − start)/(end − start), clipped to 0 … 1

    model     with Noisy layers
    examples  N, the size of the training set: `loss` is a mean over examples, the divergence counts once for all of them
    start, end   steps t between which r rises; t counts the calls. The paper: from 5 to 20 epochs
    loss      the loss without noise

    Errors: ValueError for a model without a Noisy layer, and for an end that is not after the start.
    Source: Molchanov et al. 2017 (arXiv 1701.05369), eq. 1, 9 and §4.4; N·loss is the paper's sum, here all is divided by N.
    """

    def __init__(self, model, *, examples, start, end, loss=F.cross_entropy):
        self.layers = list(noisy_layers(model).values())
        if not self.layers:
            raise ValueError(f"VariationalLoss: the {type(model).__name__} has no Noisy layer; add_noise(model) makes them")
        if not 0 <= start < end:
            raise ValueError(f"VariationalLoss: start and end have to be 0 ≤ start < end, got {start} and {end}")
        self.examples, self.start, self.end, self.loss, self.step = examples, start, end, loss, 0

    def __call__(self, outputs, *targets):
        r = min(max((self.step - self.start) / (self.end - self.start), 0.0), 1.0)
        self.step += 1
        total = self.loss(outputs, *targets)
        for layer in self.layers if r > 0 else []:
            total = total + kl_of_noise(layer.log_alpha()) * (r / self.examples)
        return total


def noisy_layers(model):
    """{name: Noisy} of a model, in its order."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Noisy)}


def add_noise(model, rng=None, start=-10.0):
    """Wrap every Conv2d and Linear below the model into Noisy, in place; returns the model.

    rng: Generator or seed; each layer gets a generator of its own.   start: as in `Noisy`.
    Afterwards make the optimizer: there are new parameters. `remove_noise` undoes it.
    Errors: ValueError for a model without such a layer below it.
    """
    layers = weighted_layers(model)
    if not layers:
        raise ValueError(f"add_noise: {type(model).__name__} has no Conv2d and no Linear below it")
    generators = np.random.default_rng(rng).spawn(len(layers))
    wrapped = {id(layer): Noisy(layer, own, start) for layer, own in zip(layers.values(), generators, strict=True)}
    return exchange_layers(model, {name: wrapped[id(layer)] for name, layer in layers.items()})


def remove_noise(model):
    """Put the plain layers back, in place: weights θ where log α < 3, others 0 -> the Masks of these weights.

    At inference the plain model computes what the noisy one did, bit for bit.
    Errors: ValueError for a model without a Noisy layer.
    """
    layers = noisy_layers(model)
    if not layers:
        raise ValueError(f"remove_noise: the {type(model).__name__} has no Noisy layer")
    kept = {f"{name}.weight": layer.kept() for name, layer in layers.items()}
    exchange_layers(model, {name: layer.layer for name, layer in layers.items()})
    masks = Masks(model, kept)
    masks.apply()
    return masks
