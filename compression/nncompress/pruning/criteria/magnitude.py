"""Magnitude: small weights matter least."""

import numpy as np


def magnitude_scores(w, evidence=None):
    """score = |w|; summed over a filter, its L1 norm.

    w any shape -> scores of that shape.   evidence: not looked at.
    Source: Han et al. 2015 (arXiv 1506.02626), §3, for single weights; Li et al. 2017 (arXiv 1608.08710), §3.1, for filters.

    >>> magnitude_scores(np.array([-2.0, 0.5])).tolist()
    [2.0, 0.5]
    """
    return np.abs(w)
