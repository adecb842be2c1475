"""Squares: the order of single weights is that of their magnitudes, the order of filters is that of their L2 norms."""

import numpy as np


def squared_scores(w, evidence=None):
    """score = w², in float64; summed over a filter, the square of its L2 norm.

    w any shape -> scores of that shape.   evidence: not looked at.
    Source: Li et al. 2017 (arXiv 1608.08710), appendix 6.1, which compares both norms.

    >>> squared_scores(np.array([-2.0, 0.5])).tolist()
    [4.0, 0.25]
    """
    return np.square(w, dtype=np.float64)
