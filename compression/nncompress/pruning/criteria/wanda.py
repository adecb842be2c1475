"""Wanda: a weight matters as much as it adds to its output: its magnitude times the magnitude of its input."""

import numpy as np

from nncompress.pruning.evidence import needed


def wanda_scores(w, evidence):
    """score[o, i] = |w[o, i]| · ‖x_i‖₂,   ‖x_i‖₂² = Σ_n x[n, i]²

    x_i is what the weight is multiplied by, over all examples; for a convolution, over all its positions in all images. The
    paper compares the weights of one output with each other: scope "row" of `criterion_masks`.

    w (O, …); evidence.input_norm of w's shape -> scores of that shape.
    Errors: ValueError for evidence without an input_norm.
    Source: Sun et al. 2023 (arXiv 2306.11695), eq. 1 and algorithm 1.
    """
    return np.abs(w) * needed("wanda_scores", evidence, "input_norm")
