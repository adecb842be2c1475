"""Losses as modules: what is called as `loss(prediction, target)`, with its options given beforehand.

Each computes the function of nnlite.functional that its docstring names, where errors and sources stand. `reduction` says what
becomes of the losses of the single numbers or examples: "mean", "sum", or "none" for all of them.
"""

import numpy as np

from nnlite import functional as F
from nnlite.nn.module import Buffer, Module


class Loss(Module):
    """What all losses share: the option `reduction`."""

    def __init__(self, *, reduction="mean"):
        self.reduction = reduction

    def extra_repr(self):
        return f"reduction={self.reduction!r}"


class MSELoss(Loss):
    """(x − y)², number by number (`F.mse_loss`): x and y of one shape -> a number, or that shape with "none"."""

    def forward(self, x, y):
        return F.mse_loss(x, y, reduction=self.reduction)


class L1Loss(Loss):
    """|x − y|, number by number (`F.l1_loss`): x and y of one shape -> a number, or that shape with "none"."""

    def forward(self, x, y):
        return F.l1_loss(x, y, reduction=self.reduction)


class HuberLoss(Loss):
    """½ d² where |d| ≤ δ, else δ(|d| − ½ δ), with d = x − y, number by number (`F.huber_loss`).

    x and y of one shape -> a number, or that shape with "none".   delta: δ > 0.
    """

    def __init__(self, *, reduction="mean", delta=1.0):
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, x, y):
        return F.huber_loss(x, y, reduction=self.reduction, delta=self.delta)

    def extra_repr(self):
        return f"{super().extra_repr()}, delta={self.delta}"


class BCELoss(Loss):
    """−(y ln p + (1 − y) ln(1 − p)), number by number (`F.binary_cross_entropy`).

    Probabilities p and labels y, both from 0 to 1 and of one shape -> a number, or that shape with "none".
    """

    def forward(self, p, y):
        return F.binary_cross_entropy(p, y, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """`BCELoss` of p = sigmoid(z), without overflow for large |z| (`F.binary_cross_entropy_with_logits`).

    Logits z and labels y from 0 to 1, of one shape -> a number, or that shape with "none".
    pos_weight: what the losses of the label 1 are multiplied by, a number or an array that broadcasts to z's shape.
    """

    def __init__(self, *, reduction="mean", pos_weight=None):
        super().__init__(reduction=reduction)
        self.pos_weight = None if pos_weight is None else Buffer(np.asarray(pos_weight))

    def forward(self, z, y):
        return F.binary_cross_entropy_with_logits(z, y, pos_weight=self.pos_weight, reduction=self.reduction)


class KLDivLoss(Loss):
    """p (ln p − ln q), number by number, whose sum over an example's classes is KL(p ‖ q) (`F.kl_div`).

    Log-probabilities ln q and probabilities p of one shape (N, …) -> a number, or that shape with "none".
    reduction: "mean" divides by the number of numbers, "batchmean" by N: that is the divergence.
    log_target: whether the target is ln p.
    """

    def __init__(self, *, reduction="mean", log_target=False):
        super().__init__(reduction=reduction)
        self.log_target = log_target

    def forward(self, log_q, p):
        return F.kl_div(log_q, p, reduction=self.reduction, log_target=self.log_target)

    def extra_repr(self):
        return f"{super().extra_repr()}, log_target={self.log_target}"


class NLLLoss(Loss):
    """−w_t ln p_t of the right class t (`F.nll_loss`): log-probabilities (N, C), classes t (N,) -> a number, or (N,).

    weight: w (C,), ones by default; the mean is Σ_n l_n / Σ_n w_t.   ignore_index: the index that means "no label".
    """

    def __init__(self, weight=None, *, ignore_index=-100, reduction="mean"):
        super().__init__(reduction=reduction)
        self.weight, self.ignore_index = None if weight is None else Buffer(np.asarray(weight)), ignore_index

    def forward(self, log_p, target):
        return F.nll_loss(log_p, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class CrossEntropyLoss(Loss):
    """−Σ_c w_c t_c ln softmax(z)_c of each example (`F.cross_entropy`): logits z (N, C) -> a number, or (N,) with "none".

    Logits (N, C, d…) and (C,) are possible, too.
    target t: class indices (N,), or probabilities (N, C).   ignore_index: the class index that means "no label".
    weight: w (C,), ones by default; for indices the mean is Σ_n l_n / Σ_n w of the right class.
    label_smoothing ε: t is replaced by (1 − ε) t + ε/C.
    """

    def __init__(self, weight=None, *, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        super().__init__(reduction=reduction)
        self.weight = None if weight is None else Buffer(np.asarray(weight))
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, z, target):
        return F.cross_entropy(z, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction,
                               label_smoothing=self.label_smoothing)

    def extra_repr(self):
        return f"{super().extra_repr()}, label_smoothing={self.label_smoothing}"
