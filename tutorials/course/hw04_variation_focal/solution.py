"""Two losses of classification: one cares for hard examples, the other one for a margin."""

import numpy as np


def focal_loss(z, labels, gamma=2.0, alpha=None):
    """The focal loss and its gradient -> (l, dz). It gives little weight to examples that are already right.

        l = −1/N Σ_n α_y (1 − p)^gamma ln p           y = labels[n], p = softmax(z_n)_y

    z (N, C), float32 or float64; labels (N,), whole numbers 0 … C − 1; gamma ≥ 0; alpha: a weight α (C,) for each class, or
    None for ones. The mean divides by N, also with alpha. l is a number, dz = ∂l/∂z an array; both have z's dtype. With
    gamma = 0 and no alpha this is the cross-entropy.

    Logits may have any size, also ±10,000, and −∞ at classes other than an example's label. l and dz are finite and right to
    a few roundings for all of them: 1 − p must not lose its digits where p is close to 1, and where p is so close to 1 that
    1 − p is 0, or so small that p is 0, dz is the limit of the formula (a gamma below 1 has an exponent below 0 in it).
    z, labels and alpha stay as they are.
    Errors: ValueError for z that is not (N, C) with N ≥ 1 and C ≥ 2, labels of another shape, a label that is no class, a
    negative gamma, alpha of another shape.
    """
    if z.ndim != 2 or z.shape[0] < 1 or z.shape[1] < 2:
        raise ValueError(f"focal_loss: z is {z.shape}, expected (N, C) with N ≥ 1, C ≥ 2")
    N, C = z.shape
    if labels.shape != (N,) or labels.min() < 0 or labels.max() >= C:
        raise ValueError(f"focal_loss: expected {N} labels from 0 to {C - 1}")
    if not gamma >= 0 or alpha is not None and alpha.shape != (C,):
        raise ValueError("focal_loss: gamma has to be 0 or more, and alpha a number for each class")
    right = np.arange(C) == labels[:, None]
    shifted = z - z.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=1)
    p = e / total[:, None]
    rest = np.where(right, 0, e).sum(axis=1) / total  # 1 − p: the sum of the others has all its digits
    log_p = np.where(rest < 0.5, np.log1p(-np.minimum(rest, 0.5)), shifted[right] - np.log(total))
    weight = np.ones(N, z.dtype) if alpha is None else alpha[labels].astype(z.dtype)
    power = rest ** z.dtype.type(gamma)
    losses = -weight * power * log_p
    # ∂l_n/∂z_c = α (gamma p (1 − p)^(gamma − 1) ln p − (1 − p)^gamma) ([c = y] − p_c). Where 1 − p → 0, ln p → −(1 − p).
    ratio = np.divide(log_p, rest, out=-np.ones_like(rest), where=rest > 0)
    slope = weight * power * (gamma * p[right] * ratio - 1)
    dz = (slope / N)[:, None] * np.where(right, rest[:, None], -p)
    return (losses.sum() / N).astype(z.dtype), dz.astype(z.dtype)


def margin_loss(c, labels, margin=0.35, scale=30.0):
    """The additive margin loss and its gradient -> (l, dc). The right class has to win by a margin.

        l = −1/N Σ_n ln softmax(s_n)_y               y = labels[n]
        s_nk = scale · (c_nk − margin)   for k = y,      scale · c_nk   for all others

    c (N, C), float32 or float64: cosines from −1 to 1, or any finite numbers; labels (N,), whole numbers 0 … C − 1;
    margin and scale: finite numbers, scale > 0. l is a number, dc = ∂l/∂c an array; both have c's dtype. l is finite for
    finite c, also where e^s is not. c and labels stay as they are.
    Errors: ValueError for c that is not (N, C) with N ≥ 1 and C ≥ 1, labels of another shape, a label that is no class,
    a scale that is not above 0.
    Source: Wang et al. 2018, CosFace (arXiv 1801.09414), eq. 4.
    """
    if c.ndim != 2 or c.shape[0] < 1 or c.shape[1] < 1:
        raise ValueError(f"margin_loss: c is {c.shape}, expected (N, C)")
    N, C = c.shape
    if labels.shape != (N,) or labels.min() < 0 or labels.max() >= C or not scale > 0:
        raise ValueError(f"margin_loss: expected {N} labels from 0 to {C - 1}, and a scale above 0")
    one_hot = (np.arange(C) == labels[:, None]).astype(c.dtype)
    s = c.dtype.type(scale) * (c - c.dtype.type(margin) * one_hot)
    s = s - s.max(axis=1, keepdims=True)
    log_p = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
    dc = c.dtype.type(scale / N) * (np.exp(log_p) - one_hot)
    return -log_p[np.arange(N), labels].sum() / c.dtype.type(N), dc
