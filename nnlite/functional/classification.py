"""Losses of classification: which of C classes each example has.

Logits z and log-probabilities have the shape (N, C), or (C,) for a single example, or (N, C, d…) if each example has a class
for each of d… places, such as the pixels of an image. The class axis is axis 1; for the shape (C,) it is axis 0.

Source: Bishop 2006, Pattern Recognition and Machine Learning, eq. 4.108 and 4.109; weights and means are PyTorch's.
"""

import numpy as np

from nnlite.functional.loss import array, as_tensor, reduce, times_log
from nnlite.functional.softmax import log_softmax_array
from nnlite.tensor import Operation, record


class Classification(Operation):
    """What both losses share: weighted targets t of the logits' shape, and the mean l = 1/D Σ_n l_n of the examples' losses.

    axis: the axis of the classes. divisor: D, or None for no mean, then the result is the l_n themselves.
    `total` turns the l_n into l; `spread` turns dl back into dl_n, shaped to broadcast over the classes.
    """

    def __init__(self, t, axis, divisor=None):
        self.t, self.axis, self.divisor = t, axis, divisor

    def total(self, losses):
        return losses if self.divisor is None else losses.sum() / self.divisor

    def spread(self, dl):
        return np.expand_dims(dl, self.axis) if self.divisor is None else dl / self.divisor


class NegativeLogLikelihood(Classification):
    """l_n = −Σ_c t_nc ℓ_nc for log-probabilities ℓ and weighted targets t, 0 where t = 0;   dℓ_nc = −t_nc dl_n.

    forward(ℓ) -> `total` of the l_n.   backward(dl) -> (dℓ,), a tuple with one array of ℓ's shape, with dl_n from `spread`.
    """

    def forward(self, l):
        return self.total(-times_log(self.t, l).sum(axis=self.axis))

    def backward(self, dl):
        return (-self.t * self.spread(dl),)


class CrossEntropy(Classification):
    """l_n = −Σ_c t_nc ln softmax(z_n)_c, 0 where t = 0;   dz_nc = (softmax(z_n)_c Σ_k t_nk − t_nc) dl_n.

    z logits, t weighted targets. Where t sums to 1 the gradient is softmax(z) − t: prediction less truth.
    forward(z) -> `total` of the l_n.   backward(dl) -> (dz,), a tuple with one array of z's shape, with dl_n from `spread`.
    """

    def forward(self, z):
        self.log_p = log_softmax_array(z, self.axis)
        return self.total(-times_log(self.t, self.log_p).sum(axis=self.axis))

    def backward(self, dl):
        return ((np.exp(self.log_p) * self.t.sum(axis=self.axis, keepdims=True) - self.t) * self.spread(dl),)


def nll_loss(log_p, target, *, weight=None, ignore_index=-100, reduction="mean"):
    """The negative log-likelihood of a target: for class indices, −ln p of the right class.

        l = −1/N Σ_n Σ_c w_c t_nc ln p_nc

    log_p: the log-probabilities ln p, such as `log_softmax(z, dim=1)`, of the shapes that `cross_entropy` takes for z. The
    target, the options, the result and the errors are those of `cross_entropy`, which equals
    nll_loss(log_softmax(z, dim=1), …); there is no label_smoothing.
    """
    return _classify("nll_loss", NegativeLogLikelihood, log_p, target, weight, ignore_index, reduction, 0.0)


def cross_entropy(z, target, *, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """Cross-entropy of softmax(z) and a target, from logits z.

        l = −1/N Σ_n Σ_c w_c t_nc ln softmax(z_n)_c          a term with t = 0 is 0, also where z = −∞

    z (N, C), (N, C, d…) or (C,) -> a single number; with reduction "none" z's shape without the class axis. The gradient flows
    to z only. The target has one of two forms:

        class indices    (N,), (N, d…) or () of whole numbers 0 … C − 1
        probabilities t  of z's shape; a row that does not sum to 1 counts in proportion to its sum

    weight: w (C,), for classes that count more than others. As in PyTorch the mean divides by Σ_n w of the right classes for
    indices, and by the number of examples times places for probabilities.
    ignore_index: a class index that means "no label". Such an example has loss and gradient 0, and the mean leaves it out.
    reduction: "mean", "sum" or "none".
    label_smoothing: ε in [0, 1], t ← (1 − ε) t + ε/C.
    Errors: TypeError for a tuple in the place of z. ValueError for shapes that do not fit, no example, an index outside
    0 … C − 1, a negative probability (log-probabilities as a target, the article's A8, would leave the loss without a lower
    bound), a weight that is not (C,), a mean where all examples are ignored, an ε outside [0, 1], another reduction.
    Source: any textbook; label smoothing: Szegedy et al. 2016 (arXiv 1512.00567), §7. Names and means are PyTorch's.
    """
    return _classify("cross_entropy", CrossEntropy, z, target, weight, ignore_index, reduction, float(label_smoothing))


def _classify(name, operation, z, target, weight, ignore_index, reduction, smoothing):
    z = as_tensor(z)
    if z.ndim == 0 or z.size == 0:
        raise ValueError(f"{name}: expects logits (N, C), (N, C, d…) or (C,) with N ≥ 1, got {z.shape}")
    if not 0 <= smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing has to be in [0, 1], got {smoothing}")
    axis = min(1, z.ndim - 1)
    t, kept = target_distribution(name, array(target), z.shape, z.dtype, ignore_index)
    if weight is not None:
        weight = _along_classes(name, weight, z, axis)
    divisor = _divisor(name, t, kept, weight, axis) if reduction == "mean" else None
    if smoothing:
        t = (1 - smoothing) * t + smoothing / z.shape[axis]
        t = t if kept is None else t * np.expand_dims(kept, axis)  # an ignored example stays 0
    if weight is not None:
        t = t * weight
    loss = record(operation(t, axis, divisor), z)
    return loss if divisor is not None else reduce(loss, reduction)


def _along_classes(name, weight, z, axis):
    """weight (C,) in z's dtype, shaped to broadcast along z's classes."""
    weight, C = array(weight).astype(z.dtype), z.shape[axis]
    if weight.shape != (C,):
        raise ValueError(f"{name}: weight has shape {weight.shape}, the logits have {C} classes")
    return weight.reshape(C, *[1] * (z.ndim - 1 - axis))


def _divisor(name, t, kept, weight, axis):
    """What the mean divides by: for class indices Σ w of the right classes that are kept, for probabilities the examples."""
    if kept is None:
        return t.size // t.shape[axis]
    examples = np.count_nonzero(kept)
    if not examples:
        raise ValueError(f"{name}: all {kept.size} targets are ignored, so there is no mean")
    return examples if weight is None else (t * weight).sum().item()


def target_distribution(name, target, shape, dtype, ignore_index=-100):
    """A target as probabilities t of the logits' shape, and which examples are kept -> (t, kept).

    shape, dtype: those of the logits. Their class axis has length C and is axis 1, for a shape (C,) axis 0. The logits' shape
    without this axis is the shape of the places. target: an array of one of two forms:

        class indices    whole numbers of the places' shape. t is 1 at the class of each place and 0 elsewhere. kept is a bool
                         array of the places' shape: False where the index is ignore_index; there t is 0 for all classes
        probabilities    floats or bools of the logits' shape. t is a copy of them, kept is None

    Both give t in the logits' dtype.
    Errors, which begin with `name`: ValueError for a target of neither form, for an index that is neither ignore_index nor one
    of 0 … C − 1, and for a negative probability.
    """
    axis = min(1, len(shape) - 1)
    C, places = shape[axis], shape[:axis] + shape[axis + 1 :]
    if target.dtype.kind in "iu" and target.shape == places:
        kept = target != ignore_index
        t = (target[..., None] == np.arange(C)) & kept[..., None]
        if np.count_nonzero(t) < np.count_nonzero(kept):  # a place whose index is no class
            at = np.argwhere(kept & ~t.any(axis=-1))[0].tolist()
            where = "" if not at else f" at position {at[0] if len(at) == 1 else tuple(at)}"
            raise ValueError(f"{name}: target {target[tuple(at)]}{where} is not a class from 0 to {C - 1}")
        t = t.astype(dtype)
        return t if t.ndim <= 2 else np.moveaxis(t, -1, axis), kept
    if target.dtype.kind in "iu" or target.shape != shape:
        raise ValueError(f"{name}: logits {shape} need class indices {places} or probabilities {shape}, "
                         f"got {target.dtype} {target.shape}")
    if target.min() < 0:
        raise ValueError(f"{name}: a target probability is {target.min():.6g}; log-probabilities have to be turned back by exp")
    return target.astype(dtype), None
