"""The proxy A-distance: two domains are far apart if a classifier can tell them apart."""

import numpy as np

from nntransfer.domains.domain import check_features


def proxy_a_distance(x, y, rng=0, ridge=1.0):
    """How well a linear classifier tells the two domains apart, on samples that it has not learned from.

        d_A = 2 (1 − 2 ε)        ε = ½ (share of wrong answers on x + share of wrong answers on y), held out

    A random half of each domain trains, the other half is held out. The classifier is ridge regression of −1 (x) and +1 (y)
    on the features, each scaled by the training half to mean 0 and variance 1; both domains weigh the same.
    x (n, d), y (m, d): arrays -> a float: 2 if every held-out sample is assigned to its domain, about 0 if guessing would be as
    good, by chance a little below 0. With ε on the training half it would be 2 for any domains with more features than samples.
    rng: a Generator or a seed, for the halves.   ridge: what is added to the diagonal of XᵀX, above 0.
    Errors: ValueError for fewer than four samples in x or y, different d, a ridge that is not above 0.
    Source: Ben-David et al. 2007, "Analysis of representations for domain adaptation", §4; Ganin et al. 2016
    (arXiv 1505.07818), §3.2.
    """
    x, y = check_features("proxy_a_distance", x, y, least=4)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"proxy_a_distance: the one domain has {x.shape[1]} features, the other {y.shape[1]}")
    if not ridge > 0:
        raise ValueError(f"proxy_a_distance: ridge has to be above 0, got {ridge}")
    rng = np.random.default_rng(rng)
    (x_train, x_held), (y_train, y_held) = (_halves(features, rng) for features in (x, y))
    mean, scale = _standard(np.concatenate([x_train, y_train]))
    w, b = _ridge((x_train - mean) / scale, (y_train - mean) / scale, ridge)
    wrong_x = np.mean((x_held - mean) / scale @ w + b >= 0)
    wrong_y = np.mean((y_held - mean) / scale @ w + b < 0)
    return float(2 * (1 - (wrong_x + wrong_y)))  # 2 ε = wrong_x + wrong_y


def _halves(features, rng):
    order = rng.permutation(len(features))
    return features[order[: len(order) // 2]], features[order[len(order) // 2 :]]


def _standard(z):
    """Mean and standard deviation of each feature; a constant feature has the scale 1."""
    scale = z.std(axis=0, dtype=np.float64)
    return z.mean(axis=0, dtype=np.float64), np.where(scale > 0, scale, 1.0)


def _ridge(x, y, ridge):
    """w, b of the least squares Σ_x (w·x + b + 1)²/n + Σ_y (w·y + b − 1)²/m + ridge |w|² · 2/(n + m)."""
    n, m = len(x), len(y)
    mean = (x.mean(axis=0) + y.mean(axis=0)) / 2  # where both domains weigh the same, the plane goes through it
    centred_x, centred_y = x - mean, y - mean
    A = centred_x.T @ centred_x / n + centred_y.T @ centred_y / m + 2 * ridge / (n + m) * np.eye(x.shape[1])
    w = np.linalg.solve(A, centred_y.mean(axis=0) - centred_x.mean(axis=0))
    return w, -mean @ w
