"""Taylor: how much the loss changes, to first order, when a weight becomes 0."""

import numpy as np

from nncompress.pruning.evidence import needed


def taylor_scores(w, evidence):
    """score = |g · w|,   g = ∂L/∂w

    Without the weight, w → 0, the loss changes by L(0) − L(w) = −g·w + O(w²). At random initial weights this is SNIP, up to
    a factor that is the same for all weights.

    w any shape; evidence.gradient g of that shape -> scores of that shape.
    Errors: ValueError for evidence without a gradient.
    Source: Molchanov et al. 2017 (arXiv 1611.06440), eq. 7; SNIP: Lee et al. 2019 (arXiv 1810.02340), eq. 6.
    """
    return np.abs(needed("taylor_scores", evidence, "gradient") * w)
