"""DANN: a second network looks at the features and guesses the domain; the first learns features on which it fails."""

import numpy as np

from nnlite import functional as F
from nnlite import nn
from nntransfer.domains.domain import check_two_domains
from nntransfer.domains.reversal import reverse_gradient


class Adversary(nn.Module):
    """A small network that tells source from target, and through which gradients come back reversed.

        z = w₂ ReLU(w₁ h + b₁) + b₂        L = mean of −ln σ(z) over source rows and −ln(1 − σ(z)) over target rows
        gradient of h: −λ ∂L/∂h

    So one step of an optimizer makes the adversary better, and makes the domains harder to tell from the features below it. The
    optimizer needs the parameters of both: optim.SGD(model.parameters() + adversary.parameters(), lr=0.05).

    features: d.   hidden: the width of its hidden layer, by default d.   rng: a Generator or a seed, for the first weights.
    Source: Ganin et al. 2016 (arXiv 1505.07818), eq. 9 and 10, and the network of figure 1.
    """

    def __init__(self, features, hidden=None, *, rng):
        rng = np.random.default_rng(rng)
        hidden = features if hidden is None else hidden
        self.net = nn.Sequential(nn.Linear(features, hidden, rng=rng), nn.ReLU(), nn.Linear(hidden, 1, rng=rng))

    def forward(self, h_source, h_target, strength=1.0):
        """L for features h_source (n, d), h_target (m, d): Tensors -> a Tensor with one number. strength: λ, see `ramp`."""
        h_source, h_target = check_two_domains("Adversary", h_source, h_target, least=1)
        z = self.net(reverse_gradient(F.concatenate([h_source, h_target]), strength))
        is_source = np.repeat([1.0, 0.0], [len(h_source), len(h_target)])[:, None].astype(z.dtype)
        return F.binary_cross_entropy_with_logits(z, is_source)
