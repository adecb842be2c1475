"""The Kullback-Leibler divergence: how far one distribution is from another.

Source: Kullback & Leibler 1951, Annals of Mathematical Statistics 22(1); Cover & Thomas, Elements of Information Theory, eq.
2.26.
"""

import numpy as np

from nnlite.functional.loss import array, as_tensor, check_same_shape, reduce, times_log
from nnlite.tensor import Operation, record


class KLDivergence(Operation):
    """l = p (ln p − ln q) for ln q and the target p, with l = 0 where p = 0, also if ln q = −∞;   d(ln q) = −p dl."""

    def __init__(self, p):
        self.p = p

    def forward(self, log_q):
        log_p = np.log(self.p, out=np.zeros_like(self.p), where=self.p > 0)
        return times_log(self.p, log_p - log_q)

    def backward(self, dl):
        return (-self.p * dl,)


def kl_div(log_q, p, *, reduction="mean", log_target=False):
    """The Kullback-Leibler divergence of a distribution q from a target p. Each element gives a term p (ln p − ln q).

        KL(p ‖ q) = Σ_c p_c (ln p_c − ln q_c)          the cost of coding p with a code made for q, in nats

    log_q: ln q; p: the target; both of the same shape (N, …) -> a single number; with reduction "none" that shape. The gradient
    flows to log_q only; p is converted to log_q's dtype. A term with p = 0 is 0, also where q = 0. A term with q = 0 < p is ∞.
    reduction: "batchmean" divides the sum by the number of examples N, and gives the mean of the formula's divergence; "mean"
    divides by the number of elements, as in PyTorch; "sum"; "none".
    log_target: whether the target is given as ln p.
    Errors: ValueError if the shapes differ, for a negative p, for another reduction, and for a mean of no elements or examples.
    Source: Kullback & Leibler 1951, Annals of Mathematical Statistics 22(1).
    """
    log_q = as_tensor(log_q)
    p = array(p).astype(log_q.dtype)
    check_same_shape("kl_div", log_q, p)
    if reduction == "batchmean" and (log_q.ndim == 0 or len(log_q) == 0):
        raise ValueError(f"kl_div: a batch of shape {log_q.shape} has no mean")
    p = np.exp(p) if log_target else p
    if p.size and p.min() < 0:
        raise ValueError(f"kl_div: the target holds {p.min():.6g}; probabilities are ≥ 0 "
                         "(log-probabilities need log_target=True)")
    return reduce(record(KLDivergence(p), log_q), reduction, batch=len(log_q) if log_q.ndim else 0)
