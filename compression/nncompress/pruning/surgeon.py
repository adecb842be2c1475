"""Optimal Brain Surgeon: remove a weight and let the others make up for it.

Around a minimum the loss grows by E = ½ δwᵀ H δw, where δw is the change of all weights, and H the Hessian. OBD sets one weight
to 0 and leaves the others. OBS finds the cheapest change of *all* weights with δw_q = −w_q. It needs only H⁻¹.

Everything is float64. The functions work on one vector of weights w (K,).
"""

import math

import numpy as np


def damped(H, damping=1e-6):
    """H + λ I,   λ = damping · mean of H's diagonal

    From few examples H is singular; an input that is always 0 has a row of zeros. λ > 0 makes H positive definite.

    H (K, K), symmetric -> (K, K).   Errors: ValueError for a negative damping.
    Source: Hassibi & Stork 1993, Second order derivatives for network pruning, §4, where α⁻¹ is λ.
    """
    if not damping >= 0:
        raise ValueError(f"damped: the damping has to be a number from 0 up, got {damping}")
    return H + damping * np.mean(np.diag(H)) * np.eye(len(H))


def damped_inverse(H, damping=1e-6):
    """The inverse of `damped`.

    Errors: ValueError for a negative damping, and an H that is not positive definite with it.
    """
    H = damped(np.asarray(H, np.float64), damping)
    try:
        np.linalg.cholesky(H)
    except np.linalg.LinAlgError:
        raise ValueError(f"damped_inverse: H {H.shape} with damping {damping} is not positive definite: give more examples "
                         "than inputs, or a larger damping") from None
    return np.linalg.inv(H)


def saliencies(w, inverse):
    """ΔE_q = w_q² / (2 [H⁻¹]_qq): how much the loss grows without weight q, after the others have made up for it.

    w (K,), inverse = H⁻¹ (K, K) -> (K,).
    Source: Hassibi & Stork 1993, eq. 5.
    """
    return np.square(w) / (2 * np.diag(inverse))


def compensation(w, inverse, q):
    """δw = −w_q / [H⁻¹]_qq · H⁻¹ e_q: the change of all weights that removes weight q and costs least.

    w (K,), inverse = H⁻¹ (K, K), q an index -> δw (K,), with δw_q = −w_q.
    Source: Hassibi & Stork 1993, eq. 5.
    """
    return -w[q] / inverse[q, q] * inverse[:, q]


def without_index(inverse, q):
    """The inverse of H without row and column q.

        B = A − A_:q A_q: / A_qq,   A = H⁻¹;   row and column q of B are 0, and are left out

    It takes K² multiplications; inverting the smaller H would take K³.

    inverse A (K, K), q an index -> (K − 1, K − 1).
    Source: Frantar & Alistarh 2022 (arXiv 2208.11580), lemma 1.
    """
    smaller = inverse - np.outer(inverse[:, q], inverse[q] / inverse[q, q])
    return np.delete(np.delete(smaller, q, axis=0), q, axis=1)


def remove_one_by_one(w, inverse, count, fixed=0):
    """Remove `count` weights, each time the one of lowest saliency, and change the others each time by its compensation.

        q = argmin ΔE_q,   w ← w + δw,   H⁻¹ ← the inverse without q

    w (K,), inverse = H⁻¹ (K, K); the last `fixed` weights are never removed, such as a bias
    -> (the new w (K,), the removed indices in order (count,), ΔE of each (count,)).
    Errors: ValueError for a count outside 0 … K − fixed.
    Source: Hassibi & Stork 1993, §3, the procedure.
    """
    v = np.array(w, np.float64)
    if not 0 <= count <= len(v) - fixed:
        raise ValueError(f"remove_one_by_one: {count} of {len(v) - fixed} weights cannot be removed")
    places, removed, costs = np.arange(len(v)), [], []
    for _ in range(count):
        scores = saliencies(v, inverse)[: len(v) - fixed]
        q = np.argmin(scores)
        removed.append(places[q])
        costs.append(scores[q])
        v = np.delete(v + compensation(v, inverse, q), q)
        places, inverse = np.delete(places, q), without_index(inverse, q)
    new = np.zeros(len(w))
    new[places] = v
    return new, np.array(removed, np.int64), np.array(costs)


def least_squares(w, H, kept):
    """Weights that are 0 except at the places `kept`, and come closest to w: v minimises (v − w)ᵀ H (v − w).

        v_kept = H_kk⁻¹ (H w)_kept,   v = 0 elsewhere

    One-by-one removal of the other weights ends at the same v, in whatever order. With H = mean x xᵀ, the minimised number is
    the mean of (v·x − w·x)².

    w (…, K), H (K, K) positive definite on `kept`, kept: indices or booleans (K,) -> v like w.
    Source: the normal equations; for filters, Luo et al. 2017 (arXiv 1707.06342), eq. 7.
    """
    kept = np.arange(len(H))[kept]
    v, aims = np.zeros(np.shape(w)), (w @ H)[..., kept]
    columns = aims.reshape(math.prod(aims.shape[:-1]), len(kept)).T
    v[..., kept] = np.linalg.solve(H[np.ix_(kept, kept)], columns).T.reshape(aims.shape)
    return v
