"""Powers of covariance matrices."""

import numpy as np


def matrix_power(C, p):
    """C^p = V diag(λ^p) Vᵀ of a symmetric C = V diag(λ) Vᵀ without negative eigenvalues λ, such as a covariance.

    C (d, d) -> float64 (d, d), symmetric. p = ½ is the root, p = −½ whitens. What rounding leaves below 0 counts as 0.
    Source: any textbook, by the spectral theorem.

    >>> matrix_power([[4.0, 0.0], [0.0, 9.0]], 0.5).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    eigenvalues, V = np.linalg.eigh(np.asarray(C, np.float64))
    return (V * np.maximum(eigenvalues, 0) ** p) @ V.T
