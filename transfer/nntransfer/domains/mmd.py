"""The maximum mean discrepancy: how far apart two samples are, by the means of their kernels.

Two distributions are equal if and only if all their mean "features" are, and a Gaussian kernel stands for infinitely many
features at once. So three means of a kernel, over pairs within x, within y, and between x and y, say whether x and y come
from one distribution.
"""

import numpy as np

from nnlite import functional as F
from nntransfer.domains.domain import check_two_domains

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


def squared_distances(z):
    """D_ij = |z_i − z_j|² = |z_i|² + |z_j|² − 2 z_i·z_j.   Tensor z (n, d) -> D (n, n).

    Source: any textbook.
    """
    q = F.sum(z * z, dim=1, keepdim=True)
    return q + q.T - 2 * (z @ z.T)


def gaussian_kernels(z, factors=FACTORS):
    """A sum of Gaussian kernels, a narrow one for each small difference and a wide one for each large.

        K_ij = Σ_f exp(−|z_i − z_j|² / (f s))        s = the mean of all |z_i − z_j|²

    Tensor z (n, d) -> K (n, n). s counts as a constant: no gradient runs through it.
    Source: Long et al. 2015 (arXiv 1502.02791), §3.1, with these factors in the place of learned weights.
    """
    D = squared_distances(z)
    s = float(D.data.mean()) or 1.0  # all features equal: every distance is 0, whatever it is divided by
    first, *others = [F.exp(D * (-1 / (f * s))) for f in factors]
    return sum(others, first)


def linear_kernel(z):
    """K_ij = z_i·z_j: with it the biased MMD² is |mean x − mean y|².   Tensor z (n, d) -> K (n, n).

    Source: Gretton et al. 2012, JMLR 13, §2.2: the mean discrepancy.
    """
    return z @ z.T


def cubic_kernel(z):
    """K_ij = (z_i·z_j/d + 1)³: means, covariances and third moments.   Tensor z (n, d) -> K (n, n).

    Source: Bińkowski et al. 2018 (arXiv 1801.01401), §3 (the "kernel inception distance").
    """
    return (z @ z.T / z.shape[1] + 1.0) ** 3


def squared_mmd(x, y, kernel=gaussian_kernels, unbiased=True):
    """MMD² of two samples, as a loss on features or as a distance of domains.

        biased:     MMD² = 1/n² Σ_ij k(x_i, x_j) + 1/m² Σ_ij k(y_i, y_j) − 2/(nm) Σ_ij k(x_i, y_j)
        unbiased:   MMD² = 1/(n(n−1)) Σ_{i≠j} k(x_i, x_j) + 1/(m(m−1)) Σ_{i≠j} k(y_i, y_j) − 2/(nm) Σ_ij k(x_i, y_j)

    x (n, d), y (m, d): Tensors or arrays -> a Tensor with one number. kernel: a function of the features of both,
    z (n + m, d) -> K (n + m, n + m).
    The biased form is never negative and is above 0 also for two samples of one distribution. The unbiased form is 0 there on
    the average, so it is sometimes negative.
    Errors: ValueError for fewer than two samples in x or y, other shapes, a feature that is not finite.
    Source: Gretton et al. 2012, JMLR 13, eq. 3 (unbiased) and eq. 5 (biased).

    >>> squared_mmd([[0.0], [2.0]], [[4.0], [6.0]], linear_kernel, unbiased=False).item()       # (1 − 5)²
    16.0
    """
    x, y = check_two_domains("squared_mmd", x, y)
    n, m = len(x), len(y)
    K = kernel(F.concatenate([x, y]))
    w = np.empty(K.shape, K.dtype)  # MMD² = Σ_ij w_ij K_ij
    w[:n, :n] = 1 / (n * (n - 1)) if unbiased else 1 / n**2
    w[n:, n:] = 1 / (m * (m - 1)) if unbiased else 1 / m**2
    w[:n, n:] = w[n:, :n] = -1 / (n * m)
    if unbiased:
        np.fill_diagonal(w, 0)
    return F.sum(K * w)
