"""A Conv2d as three: fewer channels (1×1), the kernel on these, all channels again (1×1). Tucker-2 decomposition."""

import numpy as np

from nncompress.lowrank.energy import check_rank, check_saves
from nncompress.lowrank.spatial import check_one_group
from nnlite import nn


def unfold(w, axis):
    """The tensor as a matrix whose rows are the given axis.   w (…, n, …) -> (n, all the rest)"""
    return np.moveaxis(w, axis, 0).reshape(w.shape[axis], -1)


def leading(M, rank):
    """The first left singular vectors of a matrix.   M (m, n) -> (m, rank), orthonormal columns"""
    return np.linalg.svd(M, full_matrices=False)[0][:, :rank]


def tucker_factors(w, ranks, sweeps=2):
    """A small kernel and two matrices that together are nearly w.

        w[o, c, u, v] ≈ Σ_p Σ_q U_out[o, p] · core[p, q, u, v] · U_in[c, q]

    HOSVD begins: U_out and U_in are the leading left singular vectors of w unfolded along o and along c. Each sweep of HOOI
    makes each the best one for the other: U_out from w projected on U_in, then U_in from w projected on U_out. The error
    falls, or stays, with each sweep. core = w projected on both.

    w (O, C, kh, kw); ranks (r_out, r_in), at most (O, C); sweeps from 0 up
    -> U_out (O, r_out), core (r_out, r_in, kh, kw), U_in (C, r_in), in w's dtype; computed in float64.
    Errors: ValueError for ranks out of range or more than the other rank times kh·kw.
    Source: De Lathauwer, De Moor & Vandewalle 2000 (SIAM J. Matrix Anal. 21), HOSVD and HOOI; for kernels Kim et al. 2016
    (arXiv 1511.06530), eq. 5 and §3.1.
    """
    O, C, kh, kw = w.shape
    r_out, r_in = ranks
    check_rank("tucker: output", r_out, min(O, C * kh * kw, r_in * kh * kw))
    check_rank("tucker: input", r_in, min(C, O * kh * kw, r_out * kh * kw))
    W = np.asarray(w, np.float64)
    U_out, U_in = leading(unfold(W, 0), r_out), leading(unfold(W, 1), r_in)
    for _ in range(sweeps):
        U_out = leading(unfold(np.einsum("ocuv,cq->oquv", W, U_in), 0), r_out)
        U_in = leading(unfold(np.einsum("ocuv,op->pcuv", W, U_out), 1), r_in)
    core = np.einsum("ocuv,op,cq->pquv", W, U_out, U_in, optimize=True)
    return U_out.astype(w.dtype), core.astype(w.dtype), U_in.astype(w.dtype)


def tucker_sizes(shape, ranks):
    """The numbers of the three thin layers."""
    (O, C, kh, kw), (r_out, r_in) = shape, ranks
    return C * r_in, r_in * r_out * kh * kw, r_out * O


def tucker_conv(layer, ranks, sweeps=2):
    """A Conv2d as three: 1×1 from C to r_in channels, kh×kw from r_in to r_out, 1×1 from r_out to O with the layer's bias.

        it saves where C·r_in + r_in·r_out·kh·kw + r_out·O < O·C·kh·kw

    The second has the layer's stride, padding and dilation. Padding stays right: the first has no bias, so zeros give zeros.

    layer: Conv2d with groups = 1.   ranks, sweeps: as in `tucker_factors` -> Sequential of three Conv2d; the layer stays.
    Errors: ValueError for several groups, for ranks out of range, and for ranks that save nothing.
    Source: Kim et al. 2016 (arXiv 1511.06530), §3.1 and eq. 6 to 8.
    """
    check_one_group("tucker_conv", layer)
    w = layer.weight.data
    O, C, kh, kw = w.shape
    r_out, r_in = ranks
    check_saves("tucker_conv", tuple(ranks), tucker_sizes(w.shape, ranks), w.size, "smaller ranks save some")
    U_out, core, U_in = tucker_factors(w, ranks, sweeps)
    thin = nn.Sequential()
    thin.reduce = nn.Conv2d(C, r_in, 1, bias=False, rng=0)
    thin.core = nn.Conv2d(r_in, r_out, (kh, kw), layer.stride, layer.padding, layer.dilation, bias=False, rng=0)
    thin.expand = nn.Conv2d(r_out, O, 1, bias=layer.bias is not None, rng=0)
    thin.reduce.weight.data, thin.core.weight.data = U_in.T[:, :, None, None].copy(), core
    thin.expand.weight.data = U_out[:, :, None, None].copy()
    if layer.bias is not None:
        thin.expand.bias.data = layer.bias.data.copy()
    return thin
