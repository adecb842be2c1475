"""Low rank: a layer becomes two or three thin ones whose product is nearly its weight.

Read in this order:
    energy      how much of a matrix its first r singular values hold
    svd         a Linear as two: x → r numbers → y
    spatial     a Conv2d as two: a column of pixels, then a row of pixels
    tucker      a Conv2d as three: fewer channels, the kernel, all channels again
    budget      ranks for all layers that fit a budget of parameters or MACs
    replace     put the thin layers into a model

The results are plain layers: plans, int8, `.nnz` files and further pruning take them like any others. Fine-tune afterwards.
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "energy": ["rank_for_energy"],
    "svd": ["svd_factors", "svd_linear"],
    "spatial": ["spatial_conv", "spatial_factors"],
    "tucker": ["tucker_conv", "tucker_factors"],
    "budget": ["ranks_for_budget", "ranks_for_energy"],
    "replace": ["factorize"],
})
