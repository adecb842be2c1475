"""Decoupled distillation: what the teacher says of the right class, and of the other classes, has a weight of its own each.

In Hinton's loss the weight of the second part, which holds the knowledge, falls as the teacher becomes sure of the right class.

Source: Zhao, Cui, Song, Qiu & Liang 2022 (arXiv 2203.08679), §3.
"""

import numpy as np

from nnlite import functional as F
from nntransfer.distill.logits import check_logits, check_options
from nntransfer.distill.losses import divergence


def decoupled_loss(student_logits, teacher_logits, target, *, temperature, alpha, beta):
    """α times the divergence of "right class or not", and β times the divergence among the other classes.

        L = T² (α KL(b_t ‖ b_s) + β KL(p̂_t ‖ p̂_s))

    b = (p_y, 1 − p_y) with p = softmax(z/T), and p̂ = the softmax of z/T over the C − 1 classes other than y. With α = 1 and
    β = 1 − p_y(teacher), example by example, L is Hinton's T² KL(p_t ‖ p_s): equation 7 of the paper.

    student_logits, teacher_logits (N, C) with C ≥ 2, target y (N,) class indices -> a single number, the mean over N. No
    gradient flows to the teacher.
    Errors: ValueError for T ≤ 0, for logits that are not of one shape (N, C) or have one class, for other targets, and for
    weights below 0.
    Source: Zhao et al. 2022 (arXiv 2203.08679), eq. 5 to 8.
    """
    check_options("decoupled_loss", temperature, 1)
    z_s, z_t = check_logits("decoupled_loss", student_logits, teacher_logits)
    y, (N, C) = np.asarray(target), z_s.shape
    if y.shape != (N,) or y.dtype.kind not in "iu" or not ((y >= 0) & (y < C)).all() or C < 2:
        raise ValueError(f"decoupled_loss: logits {z_s.shape} need class indices ({N},) from 0 to {C - 1} of at least 2 "
                         f"classes, got {y.dtype} {y.shape}" + (f" from {y.min()} to {y.max()}" if y.size else ""))
    if not (alpha >= 0 and beta >= 0):
        raise ValueError(f"decoupled_loss: alpha and beta have to be at least 0, got {alpha} and {beta}")
    T, n = temperature, np.arange(N)
    others = (y[:, None] + np.arange(1, C)) % C  # (N, C − 1): every class but y
    (pair_s, rest_s), (pair_t, rest_t) = ((_pair(z / T, n, y, others), z[n[:, None], others]) for z in (z_s, z_t))
    return T**2 * (alpha * divergence(pair_s, pair_t, 1) + beta * divergence(rest_s, rest_t, T))


def _pair(z, n, y, others):
    """Logits of (class y, any other class): their softmax is b."""
    return F.stack([z[n, y], F.logsumexp(z[n[:, None], others], dim=1)], 1)


class Decoupled:
    """`decoupled_loss` as a loss of `distill`, over those examples of the batch that have a label; 0 if none has one.

    temperature, alpha, beta: as in `decoupled_loss`; the paper takes α = 1 and β from 1 to 8.
    Errors: ValueError for T ≤ 0 and for weights below 0, before anything is trained.
    """

    needs_labels = True

    def __init__(self, temperature, alpha=1.0, beta=8.0):
        self.options = {"temperature": temperature, "alpha": alpha, "beta": beta}
        decoupled_loss(np.zeros((1, 2)), np.zeros((1, 2)), np.zeros(1, int), **self.options)

    def __call__(self, student, teacher, labels):
        labels = np.asarray(labels)
        known = np.flatnonzero(labels >= 0) if labels.ndim == 1 else range(len(labels))  # which decoupled_loss refuses
        if len(known) == 0:
            return 0 * F.sum(student.logits)
        return decoupled_loss(student.logits[known], teacher.logits[known], labels[known], **self.options)
