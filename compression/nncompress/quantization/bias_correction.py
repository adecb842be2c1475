"""Bias correction: rounded weights shift the mean of a layer's output, and its bias takes the shift back.

Source: Nagel et al. 2019 (arXiv 1906.04721), §4.2, with means seen on examples (appendix D).
"""

import numpy as np


def corrected_bias(b, w, w_hat, mean):
    """The bias with which the mean output of a layer with the weights ŵ is that of w and b.

        b' = b + (W − Ŵ) E[x]        then E[Ŵx + b'] = E[Wx + b]

    b (O,), w and w_hat (O, K), float; mean (G, K): E[x] of what the weights of each group are multiplied by, over examples and
    positions (`InputMoments.mean`) -> (O,) of b's dtype.   Source: Nagel et al. 2019 (arXiv 1906.04721), §4.2, eq. 15 to 17.

    >>> corrected_bias(np.array([1.0]), np.array([[0.5, 2.0]]), np.array([[0.0, 3.0]]), np.array([[4.0, 1.0]]))
    array([2.])
    """
    error = (np.asarray(w, np.float64) - w_hat).reshape(len(mean), -1, mean.shape[1])  # (G, O/G, K)
    return (b + np.einsum("gok,gk->go", error, mean).ravel()).astype(b.dtype)
