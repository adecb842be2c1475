"""LogME: how probable the target's labels are under a linear model on a source model's features.

Source: You, Liu, Wang & Long 2021, arXiv 2102.11005.
"""

import numpy as np

from nntransfer.domains.checks import check_labels

MOST_ITERATIONS, CLOSE, TINY = 100, 1e-5, 1e-10


def log_evidence(features, y, alpha, beta):
    """The log-probability of y under y = F w + noise, where w ~ N(0, I/α) is integrated out and the noise is N(0, 1/β).

        ln p(y) = n/2 ln β + D/2 ln α − n/2 ln 2π − β/2 ‖F m − y‖² − α/2 ‖m‖² − ½ ln |A|
        A = α I + β Fᵀ F        m = β A⁻¹ Fᵀ y

    features F (n, D), y (n,) numbers, α > 0, β > 0 -> float. This is the density of N(0, I/β + F Fᵀ/α) at y. With n < D, A has
    D − n eigenvalues α beside those of F Fᵀ: they cancel D − n of the D in D/2 ln α.
    Source: You et al. 2021 (arXiv 2102.11005), eq. 3 and 4.
    """
    F, y = np.asarray(features, np.float64), np.asarray(y, np.float64)
    return _Evidence(F, y).at(alpha, beta)


def logme_score(features, labels):
    """The mean over the classes of max_{α, β} log_evidence(F, y_k, α, β) / n, with y_k = 1 for images of class k, else 0.

    features F (n, D), labels (n,): classes 0, 1, … -> float, the higher the better. Right for fewer images than features, too.
    α and β are found by MacKay's fixed point: with γ = Σ_i βσ_i² / (α + βσ_i²), σ_i the singular values of F,
    α ← γ / ‖m‖² and β ← (n − γ) / ‖F m − y‖², until both move by less than 1e-5 of themselves, 100 times at most.
    Errors: ValueError for shapes that do not fit, and for one class only.
    Source: You et al. 2021 (arXiv 2102.11005), algorithm 1.
    """
    F = np.asarray(features, np.float64)
    labels = check_labels("logme_score", F, labels)
    singular = np.linalg.svd(F, full_matrices=False)
    evidences = [_Evidence(F, (labels == k).astype(np.float64), singular).highest() for k in np.unique(labels)]
    return float(np.mean(evidences) / len(F))


class _Evidence:
    """The evidence of one y, computed from F = U diag(σ) Vᵀ: sums over the singular values in place of matrices."""

    def __init__(self, F, y, singular=None):
        U, s, _ = np.linalg.svd(F, full_matrices=False) if singular is None else singular
        self.n, self.D, self.s2 = len(y), F.shape[1], s**2
        self.projected2 = (U.T @ y) ** 2  # squares of y along the left singular vectors
        self.outside = max(y @ y - self.projected2.sum(), 0.0)  # of y where no F w reaches

    def sums(self, alpha, beta):
        """(γ, ‖m‖², ‖F m − y‖²)"""
        shrunk = alpha + beta * self.s2
        gamma = (beta * self.s2 / shrunk).sum()
        m2 = (beta**2 * self.s2 * self.projected2 / shrunk**2).sum()
        return gamma, m2, self.outside + ((alpha / shrunk) ** 2 * self.projected2).sum()

    def at(self, alpha, beta):
        """ln p(y) for this α and β."""
        n, D = self.n, self.D
        _, m2, error = self.sums(alpha, beta)
        log_det = np.log(alpha + beta * self.s2).sum() + (D - len(self.s2)) * np.log(alpha)
        return float(n / 2 * np.log(beta) + D / 2 * np.log(alpha) - n / 2 * np.log(2 * np.pi)
                     - beta / 2 * error - alpha / 2 * m2 - log_det / 2)

    def highest(self):
        """ln p(y) at the α and β where MacKay's fixed point ends."""
        alpha = beta = 1.0
        for _ in range(MOST_ITERATIONS):
            gamma, m2, error = self.sums(alpha, beta)
            before = alpha, beta
            alpha = max(gamma / max(m2, TINY), TINY)  # features that are all 0 say nothing of α
            beta = max((self.n - gamma) / max(error, TINY), TINY)
            if abs(alpha - before[0]) <= CLOSE * before[0] and abs(beta - before[1]) <= CLOSE * before[1]:
                break
        return self.at(alpha, beta)
