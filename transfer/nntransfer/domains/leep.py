"""LEEP: how well the classes of a source model predict those of a target.

Source: Nguyen, Hassner, Seeger & Archambeau 2020, arXiv 2002.12462.
"""

import numpy as np

from nntransfer.domains.checks import check_labels


def leep_score(probabilities, labels):
    """The mean log-likelihood of the labels by a source model whose head is translated, not trained.

        P(y, z) = 1/n Σ_{i: y_i = y} θ_iz        P(y | z) = P(y, z) / Σ_y P(y, z)
        LEEP = 1/n Σ_i ln Σ_z P(y_i | z) θ_iz

    probabilities θ (n, Z): of the source's classes z, for n images of the target; labels y (n,): their classes 0, 1, …
    -> float ≤ 0, the higher the better. A source class that no image has (θ_iz = 0 for all i) does not count.
    The score sees only the source's head: a source with two classes tells at most two groups of the target's classes apart.
    Errors: ValueError for shapes that do not fit, for one class only, and for rows that are not probabilities.
    Source: Nguyen et al. 2020 (arXiv 2002.12462), eq. 1 and 2.

    >>> leep_score([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], [0, 0, 1, 1])
    0.0
    """
    theta = np.asarray(probabilities, np.float64)
    y = check_labels("leep_score", theta, labels)
    if theta.min() < 0 or not np.allclose(theta.sum(axis=1), 1, atol=1e-4):
        raise ValueError("leep_score: each row has to be probabilities, not negative and with the sum 1; "
                         f"one has the sum {theta.sum(axis=1)[np.argmax(np.abs(theta.sum(axis=1) - 1))]:.4g}")
    P_yz = np.eye(y.max() + 1)[:, y] @ theta / len(y)
    P_z = P_yz.sum(axis=0)
    P_y_given_z = np.divide(P_yz, P_z, out=np.zeros_like(P_yz), where=P_z > 0)
    return float(np.log((P_y_given_z[y] * theta).sum(axis=1)).mean())
