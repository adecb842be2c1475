"""Optimal Brain Damage: how much the loss grows, to second order, without a weight."""

import numpy as np

from nncompress.pruning.evidence import needed


def obd_scores(w, evidence):
    """score = h w² / 2,   h = ∂²L/∂w²

    In a minimum the loss of w → 0 is L + h w²/2 + …: the gradient is 0 there, and OBD takes the weights to be independent of
    each other. How h is found: `nncompress.pruning.gradients.gauss_newton_diagonal`.

    w any shape; evidence.curvature h of that shape -> scores of that shape.
    Errors: ValueError for evidence without a curvature.
    Source: LeCun, Denker, Solla 1990, Optimal Brain Damage, eq. 5 and step 4 of the procedure.
    """
    return needed("obd_scores", evidence, "curvature") * np.square(w, dtype=np.float64) / 2
