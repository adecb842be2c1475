"""CORAL, the alignment of correlations: two domains are alike if their features have the same covariance."""

import numpy as np

from nnlite import functional as F
from nntransfer.domains.domain import check_two_domains
from nntransfer.domains.matrices import matrix_power


def coral_loss(x, y):
    """The squared difference of the two covariances, as a loss on the features of a source and of a target batch.

        L = |C_x − C_y|²_F / (4 d²)        C_x = 1/(n − 1) Σ_i (x_i − x̄)(x_i − x̄)ᵀ

    x (n, d), y (m, d): Tensors or arrays -> a Tensor with one number. The means x̄, ȳ do not count. Because of 1/(4 d²) the
    numbers are small: a weight in the thousands is usual.
    Errors: ValueError for fewer than two samples in x or y, other shapes, a feature that is not finite.
    Source: Sun & Saenko 2016 (arXiv 1607.01719), eq. 1 to 3.

    >>> coral_loss([[0.0], [2.0]], [[5.0], [9.0]]).item()           # (2 − 8)² / 4
    9.0
    """
    x, y = check_two_domains("coral_loss", x, y)
    difference = _covariance(x) - _covariance(y)
    return F.sum(difference * difference) / (4 * x.shape[1] ** 2)


def _covariance(x):
    """C_x of `coral_loss`: a Tensor x (n, d) -> a Tensor (d, d)."""
    centred = x - F.mean(x, dim=0, keepdim=True)
    return centred.T @ centred / (len(x) - 1)


def coral_distance(source, target):
    """|C_s − C_t|_F / (2 d) of two Domains: the root of `coral_loss` on all their features -> a float.

    The root is a distance: it obeys the triangle inequality.
    Errors: ValueError for Domains of different d.
    """
    _check_same_features("coral_distance", source, target)
    return float(np.linalg.norm(source.covariance - target.covariance) / (2 * source.d))


def recoloured(source, target):
    """The source's features with the target's covariance and mean, so that a classifier can learn on them.

        x' = (x − μ_s) (C_s + I)^(−½) (C_t + I)^(½) + μ_t

    source, target: Domains -> features (n, d) of the source, in its dtype. Because of the added I, directions without variance
    do not grow beyond bounds, and the new covariance is only nearly that of the target.
    Errors: ValueError for Domains of different d.
    Source: Sun, Feng & Saenko 2016 (arXiv 1511.05547), algorithm 1; the means are theirs from normalizing both domains.
    """
    _check_same_features("recoloured", source, target)
    I = np.eye(source.d)
    A = matrix_power(source.covariance + I, -0.5) @ matrix_power(target.covariance + I, 0.5)
    return ((source.features - source.mean) @ A + target.mean).astype(source.features.dtype)


def _check_same_features(name, source, target):
    if source.d != target.d:
        raise ValueError(f"{name}: the source has {source.d} features, the target {target.d}")
