"""Entropy-penalised reparameterisation, EPR: training with a price for the bits that the weights will take in a file.

    w = e^s round(u),  u = v e^(−s)                                   the weight, straight through; e^s is the step
    bits(x) = −log2[σ((x + ½)/e^t) − σ((x − ½)/e^t)],  x = u + noise  the price of a weight, noise U(−½, ½)
    loss = cross-entropy + λ/n Σ bits

v, s and t are trained. bits is the code length of the integer x under a logistic distribution with the scale e^t; a range
coder reaches this length. In the price, noise stands for the rounding, because rounding has no gradient. A larger λ makes steps
coarser and more integers 0.

Source: Oktay et al. 2020 (arXiv 1906.06624), §3 and §4; here without its Fourier transform of kernels.
"""

import math

import numpy as np

from nnlite import functional as F
from nnlite import nn
from nnlite.nn.module import inference_mode


def logistic_bits(x, t):
    """−log2 of the probability that a logistic number with the scale e^t lies in x − ½ … x + ½: x any shape, t () -> x's shape.

        p = σ(a) − σ(b) = σ(a) σ(−b) (1 − e^(b − a)),   a = (x + ½)/e^t,  b = (x − ½)/e^t

    The product has a logarithm also where the difference would be 0: −ln p = ln(1 + e^(−a)) + ln(1 + e^b) − ln(1 − e^(b − a)).
    """
    narrow = F.exp(-t)
    a, b = (x + 0.5) * narrow, (x - 0.5) * narrow
    return (F.softplus(-a) + F.softplus(b) - F.log(1.0 - F.exp(-narrow))) * (1 / math.log(2))


class EntropyPenalised(nn.Module):
    """The transform v -> w = e^s round(v e^(−s)) of a weight; s, and the t of its price, are trained parameters.

    s, t: their first values, −4 and 2.5 as in the paper.   rng: Generator or seed of the noise.
    """

    def __init__(self, s=-4.0, t=2.5, rng=None):
        self.s, self.t = nn.Parameter(np.float32(s)), nn.Parameter(np.float32(t))
        self.rng = np.random.default_rng(rng)

    def forward(self, v):
        u = v * F.exp(-self.s)
        return F.exp(self.s) * F.straight_through(u, F.round(u))

    def bits(self, v):
        """Σ bits of all numbers of v, a Tensor (). In training x = u + noise, at inference x = round(u)."""
        u = v * F.exp(-self.s)
        x = u + self.rng.uniform(-0.5, 0.5, v.shape) if self.training else F.round(u)
        return logistic_bits(x, self.t).sum()


def penalise_entropy(model, s=-4.0, t=2.5, rng=None):
    """Give the weight of every Conv2d and Linear of a model an `EntropyPenalised` -> the model, changed in place.

    s, t, rng: as in `EntropyPenalised`; all layers draw their noise from one generator.
    """
    rng = np.random.default_rng(rng)
    for layer in list(model.modules()):
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.register_parametrization(layer, "weight", EntropyPenalised(s, t, rng))
    return model


def weight_bits(model):
    """(Σ bits, n) over all n weights that have an `EntropyPenalised`; Σ bits is a Tensor () with a gradient.

    A loss for `fit` that adds the price:

        def loss(logits, labels):
            bits, n = weight_bits(model)
            return F.cross_entropy(logits, labels) + penalty * bits / n

    Errors: ValueError for a model without any.
    """
    prices, n = [], 0
    for module in model.modules():
        for computed in getattr(module, "parametrizations", nn.ModuleDict()).values():
            if isinstance(computed[0], EntropyPenalised):
                prices.append(computed[0].bits(computed.original))
                n += computed.original.size
    if not prices:
        raise ValueError(f"weight_bits: {type(model).__name__} has no weight with an EntropyPenalised; penalise_entropy(model)")
    return sum(prices[1:], prices[0]), n


def bits_per_weight(model):
    """Σ bits / n of the rounded weights, as they would be coded now, a float."""
    with inference_mode(model):
        bits, n = weight_bits(model)
    return bits.item() / n
