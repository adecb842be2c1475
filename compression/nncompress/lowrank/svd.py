"""A Linear layer as two, by the singular value decomposition of its weight."""

import numpy as np

from nncompress.lowrank.energy import check_rank, check_saves
from nnlite import nn


def svd_factors(W, rank):
    """Two matrices whose product is the best approximation of W with this rank.

        W = U diag(s) Vᵀ ≈ A B,   A = U_r diag(√s_r),   B = diag(√s_r) V_rᵀ

    No matrix of rank r is nearer: |W − A B|² = Σ_{i>r} s_i². Each factor gets √s, so that both are about equally large.

    W (m, n), rank r from 1 to min(m, n) -> A (m, r), B (r, n), in W's dtype; computed in float64.
    Source: Eckart & Young 1936 (Psychometrika 1); for layers Denton et al. 2014 (arXiv 1404.0736), §3.2.
    """
    check_rank("svd", rank, min(W.shape))
    U, s, Vt = np.linalg.svd(np.asarray(W, np.float64), full_matrices=False)
    root = np.sqrt(s[:rank])
    return (U[:, :rank] * root).astype(W.dtype), (root[:, None] * Vt[:rank]).astype(W.dtype)


def svd_sizes(shape, rank):
    """The numbers of both thin layers."""
    O, I = shape
    return rank * I, rank * O


def svd_linear(layer, rank):
    """A Linear as two: Linear(I → r) without a bias, then Linear(r → O) with the layer's bias.

        y = A (B x) + b,   A B ≈ w of rank r;   it saves where r (O + I) < O I

    layer: Linear with a weight (O, I) -> Sequential of two Linear, in the layer's dtype; the layer stays as it is.
    Errors: ValueError for a rank outside 1 … min(O, I), and for one that saves nothing.
    Source: Denton et al. 2014 (arXiv 1404.0736), §3.2.

    >>> svd_linear(nn.Linear(300, 100, rng=0), 20)
    Sequential(
      (reduce): Linear(in_features=300, out_features=20, bias=False)
      (expand): Linear(in_features=20, out_features=100, bias=True)
    )
    """
    w = layer.weight.data
    O, I = w.shape
    check_rank("svd_linear", rank, min(O, I))
    check_saves("svd_linear", rank, svd_sizes(w.shape, rank), w.size, f"a rank up to {(O * I - 1) // (O + I)} saves some")
    A, B = svd_factors(w, rank)
    thin = nn.Sequential()
    thin.reduce = nn.Linear(I, rank, bias=False, rng=0)
    thin.expand = nn.Linear(rank, O, bias=layer.bias is not None, rng=0)
    thin.reduce.weight.data, thin.expand.weight.data = B, A
    if layer.bias is not None:
        thin.expand.bias.data = layer.bias.data.copy()
    return thin
