"""Geometric median: a filter that lies in the middle of all filters can be replaced by the others."""

import numpy as np


def geometric_median_scores(w, evidence=None):
    """score of filter i = Σ_j ‖w_i − w_j‖₂,   each weight of it gets score_i / (weights per filter)

    The filter of lowest score is the one nearest to the geometric median of all filters, however large it is. Summed over a
    filter (`shrink`, `slice_masks`) the scores are the formula; a single weight has no score of its own here.

    w (O, …) -> scores of that shape, float64.   evidence: not looked at.
    Errors: ValueError for one filter only, which has no distance from another.
    Source: He et al. 2019 (arXiv 1811.00250), eq. 6.

    >>> geometric_median_scores(np.array([[0.0], [3.0], [4.0]])).tolist()
    [[7.0], [4.0], [5.0]]
    """
    rows = np.reshape(w, (len(w), -1)).astype(np.float64)
    if len(rows) < 2:
        raise ValueError(f"geometric_median_scores: the weight {np.shape(w)} has one filter, and distances need two")
    distances = np.stack([np.sqrt(np.square(rows - row).sum(axis=1)) for row in rows])
    return np.broadcast_to(distances.sum(axis=1, keepdims=True) / rows.shape[1], rows.shape).reshape(np.shape(w))
