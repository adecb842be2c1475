"""Losses. Each returns one number for each example (or element); `reduction` then says "mean", "sum" or "none"."""

import numpy as np

from nnlite.functional import reduction as reductions
from nnlite.functional.elementwise import divide
from nnlite.functional.softmax import log_softmax_array
from nnlite.tensor import Operation, Tensor, record


def reduce(loss, reduction, batch=None):
    """The mean, the sum, the sum over the batch size ("batchmean"), or the losses themselves."""
    if reduction == "mean":
        return reductions.mean(loss)
    if reduction == "sum":
        return reductions.sum(loss)
    if reduction == "none":
        return loss
    if reduction == "batchmean" and batch is not None:
        return divide(reductions.sum(loss), batch)
    names = "mean, sum or none" if batch is None else "mean, sum, batchmean or none"
    raise ValueError(f"reduction has to be {names}, got {reduction!r}")


def _array(x):
    return x.data if isinstance(x, Tensor) else np.asarray(x)


def _check_same_shape(name, x, y):
    if x.shape != y.shape:
        raise ValueError(f"{name}: input {x.shape} and target {y.shape} differ in shape")


class SquaredError(Operation):
    """l = (x − y)²;   dx = 2 (x − y) dl, dy = −dx."""

    def forward(self, x, y):
        self.difference = x - y
        return self.difference**2

    def backward(self, dl):
        dx = 2 * self.difference * dl
        return dx, -dx


class AbsoluteError(Operation):
    """l = |x − y|;   dx = sign(x − y) dl, dy = −dx."""

    def forward(self, x, y):
        self.difference = x - y
        return np.abs(self.difference)

    def backward(self, dl):
        dx = np.sign(self.difference) * dl
        return dx, -dx


class Huber(Operation):
    """l = ½ e² where |e| ≤ δ, else δ (|e| − ½ δ), with e = x − y;   dx = clamp(e, −δ, δ) dl, dy = −dx.

    Source: Huber 1964, Annals of Mathematical Statistics 35(1).
    """

    def __init__(self, delta):
        if not delta > 0:
            raise ValueError(f"huber_loss: delta has to be above 0, got {delta}")
        self.delta = float(delta)  # a NumPy float64 would make l float64

    def forward(self, x, y):
        self.e = x - y
        size = np.abs(self.e)
        return np.where(size <= self.delta, 0.5 * self.e**2, self.delta * (size - 0.5 * self.delta))

    def backward(self, dl):
        dx = np.clip(self.e, -self.delta, self.delta) * dl
        return dx, -dx


class BinaryCrossEntropy(Operation):
    """l = −[y ln p + (1 − y) ln(1 − p)];   dp = (p − y)/(p (1 − p)) dl.

    The article's formula A4, with hard or soft labels y in [0, 1] and a probability p. As in PyTorch a logarithm is never
    taken below −100, so that p = 0 or 1 gives a finite loss; the gradient there is limited alike.
    """

    def __init__(self, y):
        self.y = y

    def forward(self, p):
        if p.size and not (np.min(p) >= 0 and np.max(p) <= 1):
            raise ValueError(f"binary_cross_entropy: probabilities from {np.min(p):.6g} to {np.max(p):.6g}, expected 0 to 1; "
                             "for logits there is binary_cross_entropy_with_logits")
        self.p = p
        with np.errstate(divide="ignore"):
            return -(self.y * np.maximum(np.log(p), -100) + (1 - self.y) * np.maximum(np.log(1 - p), -100))

    def backward(self, dl):
        return (dl * (self.p - self.y) / np.maximum(self.p * (1 - self.p), 1e-12),)


class BinaryCrossEntropyWithLogits(Operation):
    """l = max(z, 0) − z y + ln(1 + e^−|z|), which is BinaryCrossEntropy of p = σ(z);   dz = (σ(z) − y) dl."""

    def __init__(self, y):
        self.y = y

    def forward(self, z):
        self.z = z
        return np.maximum(z, 0) - z * self.y + np.log1p(np.exp(-np.abs(z)))

    def backward(self, dl):
        return (dl * (0.5 * (1 + np.tanh(0.5 * self.z)) - self.y),)


class KLDivergence(Operation):
    """l = p (ln p − ln q), given ln q and the target p; 0 where p = 0;   d(ln q) = −p dl.

    Summed over the classes this is KL(p ‖ q): the price of coding p with a code made for q.
    """

    def __init__(self, p):
        self.p = p

    def forward(self, log_q):
        log_p = np.log(self.p, out=np.zeros_like(self.p), where=self.p > 0)
        return self.p * (log_p - log_q)

    def backward(self, dl):
        return (-self.p * dl,)


class Classification(Operation):
    """A loss for each example against weighted targets t (N, C), or, with a divisor D, the one number l = 1/D Σ_n l_n.

    For `total` and `spread`: l from the l_n, and dl_n, for all classes, from dl.
    """

    def __init__(self, t, divisor=None):
        self.t, self.divisor = t, divisor

    def total(self, losses):
        return losses if self.divisor is None else losses.sum() / self.divisor

    def spread(self, dl):
        return dl[:, None] if self.divisor is None else dl / self.divisor


class NegativeLogLikelihood(Classification):
    """l_n = −Σ_c t_nc ℓ_nc for log-probabilities ℓ and weighted targets t;   dℓ_nc = −t_nc dl_n."""

    def forward(self, l):
        return self.total(-(self.t * l).sum(axis=1))

    def backward(self, dl):
        return (-self.t * self.spread(dl),)


class CrossEntropy(Classification):
    """l_n = −Σ_c t_nc ln softmax(z_n)_c;   dz_nc = (softmax(z_n)_c Σ_k t_nk − t_nc) dl_n.

    z (N, C) logits, t (N, C) weighted targets. Where t sums to 1 the gradient is softmax(z) − t: prediction less truth.
    """

    def forward(self, z):
        self.log_p = log_softmax_array(z)
        return self.total(-(self.t * self.log_p).sum(axis=1))

    def backward(self, dl):
        return ((np.exp(self.log_p) * self.t.sum(axis=1, keepdims=True) - self.t) * self.spread(dl),)


def mse_loss(x, y, reduction="mean"):
    """Mean of (x − y)²."""
    return reduce(record(SquaredError(), *_pair("mse_loss", x, y)), reduction)


def l1_loss(x, y, reduction="mean"):
    """Mean of |x − y|."""
    return reduce(record(AbsoluteError(), *_pair("l1_loss", x, y)), reduction)


def huber_loss(x, y, reduction="mean", delta=1.0):
    """Mean of ½(x − y)² near 0 and of delta·(|x − y| − ½ delta) beyond delta."""
    return reduce(record(Huber(delta), *_pair("huber_loss", x, y)), reduction)


def _pair(name, x, y):
    _check_same_shape(name, _array(x), _array(y))
    return x, y


def binary_cross_entropy(p, y, reduction="mean"):
    """−1/N Σ [y ln p + (1 − y) ln(1 − p)]: the article's A4 to the letter, p probabilities, y labels in [0, 1]."""
    return _binary(BinaryCrossEntropy, "binary_cross_entropy", p, y, reduction)


def binary_cross_entropy_with_logits(z, y, reduction="mean"):
    """binary_cross_entropy(sigmoid(z), y), without overflow for large |z|."""
    return _binary(BinaryCrossEntropyWithLogits, "binary_cross_entropy_with_logits", z, y, reduction)


def _binary(operation, name, x, y, reduction):
    x = x if isinstance(x, Tensor) else Tensor(x)
    y = _array(y).astype(x.dtype)
    _check_same_shape(name, x, y)
    if y.size and not (y.min() >= 0 and y.max() <= 1):
        raise ValueError(f"{name}: labels from {y.min():.6g} to {y.max():.6g}, expected 0 to 1")
    return reduce(record(operation(y), x), reduction)


def kl_div(log_q, p, reduction="mean", log_target=False):
    """KL(p ‖ q) from log-probabilities ln q and target probabilities p (ln p with log_target).

    As in PyTorch, "mean" divides by the number of elements and "batchmean" by the number of examples; the divergence of
    the formula is "batchmean".
    """
    log_q = log_q if isinstance(log_q, Tensor) else Tensor(log_q)
    p = _array(p).astype(log_q.dtype)
    _check_same_shape("kl_div", log_q, p)
    if reduction == "batchmean" and len(log_q) == 0:
        raise ValueError(f"kl_div: a batch of shape {log_q.shape} has no mean")
    p = np.exp(p) if log_target else p
    if p.size and p.min() < 0:
        raise ValueError(f"kl_div: the target holds {p.min():.6g}; probabilities are ≥ 0 "
                         "(log-probabilities need log_target=True)")
    return reduce(record(KLDivergence(p), log_q), reduction, batch=len(log_q))


def nll_loss(log_p, target, weight=None, reduction="mean"):
    """−ln p of the right class: log_p (N, C), target (N,) class indices, weight (C,)."""
    return _classification("nll_loss", NegativeLogLikelihood, log_p, target, weight, reduction, 0.0)


def cross_entropy(z, target, weight=None, reduction="mean", label_smoothing=0.0):
    """Cross-entropy of softmax(z) against a target, from logits z (N, C).

        l = −1/N Σ_n Σ_c w_c t_nc ln softmax(z_n)_c

    target: class indices (N,), or probabilities (N, C). label_smoothing ε: t ← (1 − ε) t + ε/C. weight w (C,): with
    indices the mean is over Σ_n w of the right class, as in PyTorch.
    Errors: indices outside [0, C); negative probabilities (log-probabilities as a target, the article's A8, would leave the
    loss without a lower bound); shapes that do not fit.
    """
    return _classification("cross_entropy", CrossEntropy, z, target, weight, reduction, float(label_smoothing))


def _classification(name, operation, z, target, weight, reduction, smoothing):
    z = z if isinstance(z, Tensor) else Tensor(z)
    target = _array(target)
    if z.ndim != 2 or len(z) == 0:
        raise ValueError(f"{name}: expects logits (N, C) with N ≥ 1, got {z.shape}")
    if not 0 <= smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing has to be in [0, 1], got {smoothing}")
    t = target_distribution(name, target, *z.shape, z.dtype)
    if smoothing:
        t = (1 - smoothing) * t + smoothing / z.shape[1]
    examples = len(z)
    if weight is not None:
        weight = _array(weight).astype(z.dtype)
        if weight.shape != z.shape[1:]:
            raise ValueError(f"{name}: weight has shape {weight.shape}, the logits have {z.shape[1]} classes")
        t, examples = t * weight, weight[target].sum() if target.ndim == 1 else len(z)
    if reduction == "mean":
        return record(operation(t, examples), z)
    return reduce(record(operation(t), z), reduction)


def target_distribution(name, target, N, C, dtype):
    """Class indices (N,) or probabilities (N, C) -> probabilities (N, C)."""
    if target.dtype.kind in "iu":
        if target.shape != (N,):
            raise ValueError(f"{name}: {N} rows of logits need {N} class indices, got shape {target.shape}")
        wrong = (target < 0) | (target >= C)
        if wrong.any():
            n = int(wrong.argmax())
            raise ValueError(f"{name}: target {target[n]} at position {n} is no class from 0 to {C - 1}")
        return np.eye(C, dtype=dtype)[target]
    if target.shape != (N, C):
        raise ValueError(f"{name}: logits {(N, C)} need class indices {(N,)} or probabilities {(N, C)}, "
                         f"got {target.dtype} {target.shape}")
    if target.min() < 0:
        raise ValueError(f"{name}: a target probability is {target.min():.6g}; log-probabilities have to be turned back by exp")
    return target.astype(dtype)
