"""Fisher: how much the loss grows without a weight, if its curvature is estimated by the squares of gradients."""

import numpy as np

from nncompress.pruning.evidence import needed


def fisher_scores(w, evidence):
    """score = F w² / 2,   F = 1/N Σ_n (∂ℓ_n/∂w)²

    In a minimum of −log p the mean of the squared gradients is the curvature, if the model's probabilities are right. It
    needs labels and one backward pass for each example; `obd_scores` needs one for each output as well.

    w any shape; evidence.fisher F of that shape -> scores of that shape.
    Errors: ValueError for evidence without a fisher.
    Source: Theis et al. 2018 (arXiv 1801.05787), eq. 8.
    """
    return needed("fisher_scores", evidence, "fisher") * np.square(w, dtype=np.float64) / 2
