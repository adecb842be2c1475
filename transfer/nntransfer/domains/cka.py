"""Centred kernel alignment: two layers are alike if the same samples are similar to each other in both.

Two layers, of one network or of two, may have different widths and any rotation of their features. CKA compares what does
not depend on that: the n × n matrices of the similarities between samples.

    linear_cka, rbf_cka      from features of the same n samples
    debiased=True            without the bias that makes wide layers look alike when samples are few
    minibatch_cka            the debiased form, from batches
"""

import numpy as np

from nntransfer.domains.domain import check_features


def linear_cka(x, y, debiased=False):
    """CKA with linear kernels, by the features' covariances.

        CKA = |ȳᵀx̄|²_F / (|x̄ᵀx̄|_F |ȳᵀȳ|_F)                    x̄, ȳ: each feature minus its mean
        debiased: in the place of each |ȳᵀx̄|²_F,
            |ȳᵀx̄|²_F − n/(n−2) Σ_i |x̄_i|²|ȳ_i|² + |x̄|²_F|ȳ|²_F / ((n−1)(n−2))            = n(n−3) HSIC₁

    x (n, d), y (n, e): features of the same n samples -> a float in [0, 1]; debiased it is 0 on the average for unrelated
    features, so it can be a little below 0. It does not change when x or y is turned (x Q, Q orthogonal), scaled, or shifted.
    Errors: ValueError for different n, n < 2 (debiased: n < 4), features that are the same for all samples.
    Source: Kornblith et al. 2019 (arXiv 1905.00414), eq. 2 to 4; the debiased form is theirs too (appendix code), of
    Song et al. 2012, JMLR 13, eq. 4.

    >>> linear_cka([[0.0], [1.0], [2.0], [5.0]], [[1.0, 0.0], [3.0, 0.0], [5.0, 0.0], [11.0, 0.0]])     # y = 2 x + 1
    1.0
    """
    x, y = _centred("linear_cka", x, y, least=4 if debiased else 2)
    product = _debiased_product if debiased else _product
    return _ratio("linear_cka", product(x, y), product(x, x), product(y, y))


def _product(x, y):
    """|yᵀx|²_F"""
    return np.sum((y.T @ x) ** 2)


def _debiased_product(x, y):
    """n(n−3) HSIC₁ by features: |yᵀx|² − n/(n−2) Σ_i |x_i|²|y_i|² + |x|²|y|²/((n−1)(n−2)), x and y centred."""
    n, of_x, of_y = len(x), np.sum(x**2, axis=1), np.sum(y**2, axis=1)
    return _product(x, y) - n / (n - 2) * (of_x @ of_y) + of_x.sum() * of_y.sum() / ((n - 1) * (n - 2))


def rbf_cka(x, y, sigma=0.5, debiased=False):
    """CKA with Gaussian kernels: near neighbours count most.

        K_ij = exp(−|x_i − x_j|² / (2 (σ·median)²))        median: of the |x_i − x_j| of all pairs i < j

    x (n, d), y (n, e) -> a float. sigma: σ, the width as a share of the median distance; a large one gives nearly
    `linear_cka`. Turning, scaling and shifting x or y change nothing.
    Errors: those of `linear_cka`; ValueError for a sigma that is not above 0.
    Source: Kornblith et al. 2019 (arXiv 1905.00414), §3 and §6.1.
    """
    if not sigma > 0:
        raise ValueError(f"rbf_cka: sigma has to be above 0, got {sigma}")
    x, y = _centred("rbf_cka", x, y, least=4 if debiased else 2)
    K, L = _gaussian("rbf_cka", x, sigma), _gaussian("rbf_cka", y, sigma)
    hsic = hsic1 if debiased else hsic0
    return _ratio("rbf_cka", hsic(K, L), hsic(K, K), hsic(L, L))


def _gaussian(name, x, sigma):
    q = (x**2).sum(axis=1)
    D = np.maximum(q[:, None] + q - 2 * x @ x.T, 0)
    median = np.median(np.sqrt(D[np.triu_indices(len(x), 1)]))
    if median == 0:
        raise ValueError(f"{name}: more than half of the pairs of the {len(x)} samples have the same features, so there is no "
                         "width for the kernel")
    return np.exp(-D / (2 * (sigma * median) ** 2))


def hsic0(K, L):
    """The biased Hilbert-Schmidt independence criterion of two kernels (n, n).

        HSIC₀ = tr(K H L H) / (n − 1)²        H = I − 1/n

    Source: Gretton et al. 2005, "Measuring statistical dependence with Hilbert-Schmidt norms", eq. 9.
    """
    n = len(K)
    K = K - K.mean(axis=0) - K.mean(axis=1, keepdims=True) + K.mean()
    return np.sum(K * L) / (n - 1) ** 2


def hsic1(K, L):
    """The unbiased Hilbert-Schmidt independence criterion of two kernels (n, n), n ≥ 4.

        HSIC₁ = [tr(K̃ L̃) + 1ᵀK̃1 1ᵀL̃1 / ((n−1)(n−2)) − 2/(n−2) 1ᵀK̃L̃1] / (n(n−3))        K̃, L̃: the diagonal is 0

    Source: Song et al. 2012, JMLR 13, eq. 4.
    """
    n = len(K)
    K, L = K * (1 - np.eye(n)), L * (1 - np.eye(n))
    rows, columns = K.sum(axis=0), L.sum(axis=1)
    return (np.sum(K * L) + K.sum() * L.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (rows @ columns)) / (n * (n - 3))


def minibatch_cka(pairs):
    """Debiased linear CKA from batches, for features that do not fit into memory at once.

        CKA = Σ_b HSIC₁(x_b, y_b) / √(Σ_b HSIC₁(x_b, x_b) Σ_b HSIC₁(y_b, y_b))

    pairs: yields (x_b (n, d), y_b (n, e)), the features of the same n ≥ 4 samples -> a float. The three sums are unbiased, so
    small batches give what large ones give, up to chance; the mean of each batch's own CKA would not.
    Errors: those of `linear_cka`; ValueError for no batch.
    Source: Nguyen, Raghu & Kornblith 2021 (arXiv 2010.15327), §2, eq. 2 and 3.
    """
    sums, batches = np.zeros(3), 0
    for x, y in pairs:
        x, y = _centred("minibatch_cka", x, y, least=4)
        n = len(x)
        sums += np.array([_debiased_product(*two) for two in ((x, y), (x, x), (y, y))]) / (n * (n - 3))
        batches += 1
    if batches == 0:
        raise ValueError("minibatch_cka: there is no batch")
    return _ratio("minibatch_cka", *sums)


def cka_between_layers(features, others, debiased=True):
    """Linear CKA of every layer of one network with every layer of another, or of the same -> array (rows, columns).

    features, others: {name of a layer: (n, d)}, as `features_of` gives them for one loader.   Errors: those of `linear_cka`.
    """
    return np.array([[linear_cka(x, y, debiased) for y in others.values()] for x in features.values()])


def _centred(name, x, y, least):
    """Both as float64, each feature minus its mean."""
    x, y = check_features(name, x, y, least=least)
    if len(x) != len(y):
        raise ValueError(f"{name}: features of {len(x)} and of {len(y)} samples, expected the same samples for both")
    return _minus_mean(name, x.astype(np.float64)), _minus_mean(name, y.astype(np.float64))


def _minus_mean(name, x):
    centred = x - x.mean(axis=0)
    if np.abs(centred).max() <= len(x) * np.finfo(float).eps * np.abs(x).max():
        raise ValueError(f"{name}: features {x.shape} are the same for all samples, so there is nothing to align")
    return centred


def _ratio(name, both, of_x, of_y):
    if of_x <= 0 or of_y <= 0:
        raise ValueError(f"{name}: HSIC of features with themselves is {min(of_x, of_y):.3g}, so there is no ratio; their "
                         "differences are too few or too equal, take more samples")
    return float(both / np.sqrt(of_x * of_y))
