"""The Kullback-Leibler divergence: how far one distribution is from another.

Source: Kullback & Leibler 1951, Annals of Mathematical Statistics 22(1); Cover & Thomas, Elements of Information Theory, eq.
2.26.
"""

import numpy as np

from nnlite.functional.loss import array, as_tensor, check_same_shape, reduce, times_log
from nnlite.tensor import Operation, record


class KLDivergence(Operation):
    """l = p (ln p − ln q), given ln q and the target p; 0 where p = 0, also for ln q = −∞;   d(ln q) = −p dl."""

    def __init__(self, p):
        self.p = p

    def forward(self, log_q):
        log_p = np.log(self.p, out=np.zeros_like(self.p), where=self.p > 0)
        return times_log(self.p, log_p - log_q)

    def backward(self, dl):
        return (-self.p * dl,)


def kl_div(log_q, p, *, reduction="mean", log_target=False):
    """The divergence of a distribution q from a target p, of which each element gives a term p (ln p − ln q).

        KL(p ‖ q) = Σ_c p_c (ln p_c − ln q_c)          the price of coding p with a code made for q

    log_q: ln q, and p, both of one shape (N, …) -> a single number; with reduction "none" that shape. The gradient flows to
    log_q only; p is taken in log_q's dtype. A term with p = 0 is 0, also where q = 0; one with q = 0 < p is infinite.
    reduction: "batchmean" divides by the number of examples N, which is the divergence of the formula; "mean" divides by the
    number of elements, as in PyTorch.
    log_target: whether the target is ln p.
    Errors: ValueError for two shapes, for a negative p, for another reduction, and for a mean of nothing.
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
