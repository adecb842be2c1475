"""Layers around a matrix product: Linear and Embedding."""

import numpy as np

from nnlite import functional as F
from nnlite.nn.init import check_sizes, uniform_fan_in
from nnlite.nn.module import Module, Parameter


class Linear(Module):
    """y = x Wᵀ + b with `weight` W (out_features, in_features) and `bias` b (out_features,) or None."""

    def __init__(self, in_features, out_features, bias=True, rng=None):
        check_sizes("Linear", in_features=in_features, out_features=out_features)
        rng = np.random.default_rng(rng)
        self.weight = Parameter(uniform_fan_in((out_features, in_features), in_features, rng))
        self.bias = Parameter(uniform_fan_in((out_features,), in_features, rng)) if bias else None

    @property
    def in_features(self):
        return self.weight.shape[1]

    @property
    def out_features(self):
        return self.weight.shape[0]

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


class Embedding(Module):
    """One row of `weight` (num_embeddings, embedding_dim) for each index, drawn from N(0, 1)."""

    def __init__(self, num_embeddings, embedding_dim, rng=None):
        check_sizes("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        rng = np.random.default_rng(rng)
        self.weight = Parameter(rng.standard_normal((num_embeddings, embedding_dim)).astype(np.float32))

    def forward(self, indices):
        return F.embedding(indices, self.weight)
