"""A Conv2d as two: kernels one pixel wide, then kernels one pixel high."""

from nncompress.lowrank.energy import check_rank, check_saves
from nncompress.lowrank.svd import svd_factors
from nnlite import nn


def spatial_matrix(w):
    """The weight as a matrix with a row for each (o, v) and a column for each (c, u): w (O, C, kh, kw) -> (O·kw, C·kh)."""
    O, C, kh, kw = w.shape
    return w.transpose(0, 3, 1, 2).reshape(O * kw, C * kh)


def spatial_factors(w, rank):
    """Vertical kernels, then horizontal ones, that together are nearly w.

        w[o, c, u, v] ≈ Σ_r horizontal[o, r, 0, v] · vertical[r, c, u, 0]

    Of all such pairs it has the least squared error: `svd_factors` of the matrix M[(o, v), (c, u)] = w[o, c, u, v].

    w (O, C, kh, kw) -> vertical (r, C, kh, 1), horizontal (O, r, 1, kw), in w's dtype.
    Source: Jaderberg et al. 2014 (arXiv 1405.3866), §2.1, scheme 2; by SVD as in Tai et al. 2016 (arXiv 1511.06067), theorem 1.
    """
    O, C, kh, kw = w.shape
    A, B = svd_factors(spatial_matrix(w), rank)
    return B.reshape(rank, C, kh, 1), A.reshape(O, kw, rank).transpose(0, 2, 1)[:, :, None, :].copy()


def spatial_sizes(shape, rank):
    """The numbers of both thin layers."""
    O, C, kh, kw = shape
    return rank * C * kh, rank * O * kw


def spatial_conv(layer, rank):
    """A Conv2d as two: kh×1 from C to r channels without a bias, then 1×kw from r to O channels with the layer's bias.

        it saves where r (C·kh + O·kw) < O·C·kh·kw

    The vertical options (stride, padding, dilation) go to the first, the horizontal ones to the second.

    layer: Conv2d with groups = 1 -> Sequential of two Conv2d; the layer stays as it is.
    Errors: ValueError for several groups, for a rank outside 1 … min(O·kw, C·kh), and for a rank that saves nothing.
    Source: Jaderberg et al. 2014 (arXiv 1405.3866), §2.1, scheme 2.
    """
    check_one_group("spatial_conv", layer)
    w = layer.weight.data
    O, C, kh, kw = w.shape
    check_rank("spatial_conv", rank, min(O * kw, C * kh))
    check_saves("spatial_conv", rank, spatial_sizes(w.shape, rank), w.size,
                f"a rank up to {(w.size - 1) // (C * kh + O * kw)} saves some")
    (s, t), (d, e) = layer.stride, layer.dilation
    p, q = (layer.padding,) * 2 if isinstance(layer.padding, str) else layer.padding
    first, second = (p, q) if isinstance(p, str) else ((p, 0), (0, q))
    thin = nn.Sequential()
    thin.vertical = nn.Conv2d(C, rank, (kh, 1), (s, 1), first, (d, 1), bias=False, rng=0)
    thin.horizontal = nn.Conv2d(rank, O, (1, kw), (1, t), second, (1, e), bias=layer.bias is not None, rng=0)
    thin.vertical.weight.data, thin.horizontal.weight.data = spatial_factors(w, rank)
    if layer.bias is not None:
        thin.horizontal.bias.data = layer.bias.data.copy()
    return thin


def check_one_group(name, layer):
    """ValueError for a convolution with several groups: its kernels read few channels already."""
    if layer.groups != 1:
        raise ValueError(f"{name}: the convolution has {layer.groups} groups, only those with one group can be factored")
