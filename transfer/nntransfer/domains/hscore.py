"""H-score: how far apart the classes lie in the features of a source model.

Source: Bao et al. 2019, "An information-theoretic approach to transferability in task transfer learning", ICIP.
"""

import numpy as np

from nntransfer.domains.checks import check_labels


def h_score(features, labels):
    """The variance between classes, measured by the variance of the features.

        H = tr(cov(f)⁺ cov(E[f | y]))        0 ≤ H ≤ min(D, classes − 1)

    features f (n, D), labels y (n,): classes 0, 1, …; ⁺ is the pseudo-inverse, both covariances are divided by n.
    -> float, the higher the better. It needs many more images than features: with n ≤ D any features separate any classes,
    and H is classes − 1 whatever the source.
    Errors: ValueError for shapes that do not fit, and for one class only.
    Source: Bao et al. 2019, definition 2.

    >>> h_score([[0.0], [1.0], [4.0], [5.0]], [0, 0, 1, 1]) == 4 / 4.25
    True
    """
    f = np.asarray(features, np.float64)
    y = check_labels("h_score", f, labels)
    f = f - f.mean(axis=0)
    means = np.stack([f[y == k].mean(axis=0) if (y == k).any() else np.zeros(f.shape[1]) for k in range(y.max() + 1)])[y]
    between, whole = means.T @ means / len(y), f.T @ f / len(y)
    return float(np.trace(np.linalg.pinv(whole, rcond=1e-10, hermitian=True) @ between))
