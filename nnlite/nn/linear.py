"""Linear, and Embedding, which is a product with a one-hot matrix."""

import numpy as np

from nnlite import functional as F
from nnlite.nn.init import check_sizes, uniform_fan_in
from nnlite.nn.module import Module, Parameter


class Linear(Module):
    """y = x wᵀ + b with a weight w (O, I) and a bias b (O,) or None.

    x (…, I) -> y (…, O), for any leading axes; in_features I, out_features O.   bias: whether there is one.
    rng: Generator or seed of the first numbers, which are those of PyTorch: U(−1/√I, 1/√I) for both.
    in_features and out_features are read off the weight, which pruning may have made smaller.
    Errors: ValueError for sizes that are not whole numbers from 1 up, and for an x with other features.
    """

    optional = ("bias",)

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

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """y = w[indices], one row of the weight w (V, D) for each index.

    indices: whole numbers from 0 to V − 1, of any shape S -> y (*S, D); num_embeddings V, embedding_dim D.
    rng: Generator or seed of the first numbers, N(0, 1) as in PyTorch.
    Errors: ValueError for sizes that are not whole numbers from 1 up and for indices out of range, TypeError for indices that
    are not whole numbers.
    """

    def __init__(self, num_embeddings, embedding_dim, rng=None):
        check_sizes("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        rng = np.random.default_rng(rng)
        self.weight = Parameter(rng.standard_normal((num_embeddings, embedding_dim)).astype(np.float32))

    def forward(self, indices):
        return F.embedding(indices, self.weight)

    def extra_repr(self):
        return ", ".join(map(str, self.weight.shape))
