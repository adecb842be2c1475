"""Several domains together: their statistics as one domain, and features of several networks side by side."""

import numpy as np

from nntransfer.domains.domain import check_features


def pooled_statistics(domains):
    """Mean and covariance of several Domains taken as one, from their own means and covariances: no sample is needed again.

        μ = Σ_k n_k μ_k / n        C = Σ_k [(n_k − 1) C_k + n_k (μ_k − μ)(μ_k − μ)ᵀ] / (n − 1)        n = Σ_k n_k

    domains: a list of at least one Domain of the same d -> mean (d,), covariance (d, d), float64, those of all samples
    together. So several places can describe their domains together, while the samples stay where they are.
    Errors: ValueError for no Domain, or different d.
    Source: Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances", eq. 2.1.
    """
    _check_some("pooled_statistics", domains)
    if len({domain.d for domain in domains}) > 1:
        raise ValueError(f"pooled_statistics: Domains of {', '.join(str(domain.d) for domain in domains)} features, expected "
                         "the same number")
    n = sum(domain.n for domain in domains)
    mean = sum(domain.n * domain.mean for domain in domains) / n
    scatter = sum((domain.n - 1) * domain.covariance + domain.n * np.outer(domain.mean - mean, domain.mean - mean)
                  for domain in domains)
    return mean, scatter / (n - 1)


def fuse_features(blocks):
    """The features of several networks, each trained in a domain of its own, for the same samples, side by side.

        x_i = (x¹_i / r¹, x²_i / r², …)        r = √(1/n Σ_i |x_i|²) of a block

    blocks: a list of features (n, d_k) of the same n samples -> (n, Σ d_k). The division gives each network the same weight in
    a distance, as of prototypes, whatever the size and number of its features.
    For new samples, take the r of the first ones: `fuse_features` returns them -> (features, [r¹, r², …]).
    Errors: ValueError for no block, different n, a block that is 0 throughout.
    Source: the first article's open question A11, knowledge of several domains fused; the scaling is this project's.
    """
    _check_some("fuse_features", blocks)
    blocks = check_features("fuse_features", *blocks, least=1)
    if len({len(x) for x in blocks}) > 1:
        raise ValueError(f"fuse_features: blocks of {', '.join(str(len(x)) for x in blocks)} samples, expected the same "
                         "samples")
    sizes = [float(np.sqrt(np.mean(np.sum(x.astype(np.float64) ** 2, axis=1)))) for x in blocks]
    if 0 in sizes:
        raise ValueError(f"fuse_features: block {sizes.index(0)} of {len(blocks)} is 0 throughout")
    return np.concatenate([x / x.dtype.type(r) for x, r in zip(blocks, sizes, strict=True)], axis=1), sizes


def _check_some(name, parts):
    if not len(parts):
        raise ValueError(f"{name}: expects at least one, got none")
