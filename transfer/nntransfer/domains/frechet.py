"""The Fréchet distance of two domains, each taken for a Gaussian."""

import numpy as np

from nntransfer.domains.matrices import matrix_power


def frechet_distance(source, target):
    """The squared Fréchet distance of the Gaussians N(μ_s, C_s) and N(μ_t, C_t), known as FID for Inception's features.

        d² = |μ_s − μ_t|² + tr(C_s + C_t − 2 (C_s^½ C_t C_s^½)^½)

    source, target: Domains of one d -> a float, 0 for equal means and covariances. It is too large if few samples estimate the
    covariances, so compare only values from the same number of samples.
    Errors: ValueError for Domains of different d.
    Source: Dowson & Landau 1982, J. Multivariate Analysis 12, eq. 4; Heusel et al. 2017 (arXiv 1706.08500), eq. 6.
    """
    if source.d != target.d:
        raise ValueError(f"frechet_distance: the source has {source.d} features, the target {target.d}")
    root = matrix_power(source.covariance, 0.5)
    inner = root @ target.covariance @ root
    eigenvalues = np.maximum(np.linalg.eigvalsh((inner + inner.T) / 2), 0)
    means = np.sum((source.mean - target.mean) ** 2)
    d2 = means + np.trace(source.covariance) + np.trace(target.covariance) - 2 * np.sum(np.sqrt(eigenvalues))
    return float(max(d2, 0.0))  # rounding alone can make it negative
