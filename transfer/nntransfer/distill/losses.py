"""The losses that `distill` adds up, and how a function of logits or features becomes one of them.

A loss of `distill` is called as loss(student, teacher, labels), with the two `View`s and the batch's labels, and gives a Tensor
with one number. It may have these attributes:

    layers         {layer of the student: layer of the teacher} whose features it reads
    needs_labels   whether it needs examples that have a label
    parameters()   a list of Parameters that it learns, which the optimizer has to have

Labels (n,) are class indices; −1 means "no label".
"""

from typing import NamedTuple

import numpy as np

from nnlite import functional as F
from nntransfer.distill.logits import check_logits, check_options


class View(NamedTuple):
    """A model's results for a batch: logits (n, classes) and {layer: feature}; Tensors of a student, arrays of a teacher."""

    logits: object
    features: dict


def divergence(z_s, z_t, T):
    """KL(softmax(z_t/T) ‖ softmax(z_s/T)), the mean over the examples, without the factor T².

    z_s, z_t (N, C): logits that `check_logits` has checked -> a Tensor with one number.
    """
    return F.kl_div(F.log_softmax(z_s / T), F.softmax(z_t / T), reduction="batchmean")


class Labels:
    """The cross-entropy with the labels, over those examples of the batch that have one.

        L = −1/|M| Σ_{n ∈ M} ln softmax(z_s)_{n, y_n}        M = {n: y_n ≥ 0}, and L = 0 where M is empty

    Source: Bishop 2006, Pattern Recognition and Machine Learning, eq. 4.108.
    """

    needs_labels = True

    def __call__(self, student, teacher, labels):
        labels = np.asarray(labels)
        if labels.dtype.kind in "iu" and not (labels >= 0).any():
            return 0 * F.sum(student.logits)
        return F.cross_entropy(student.logits, labels, ignore_index=-1)


class SoftTargets:
    """Hinton's loss without its labels: the divergence from the teacher's softened probabilities.

        L = T² KL(softmax(z_t/T) ‖ softmax(z_s/T))

    L is the mean over all examples, with and without label. (1 − α, Labels()) and (α, SoftTargets(T)) add up to
    `distillation_loss`.
    Errors: ValueError for T ≤ 0, and for logits that are not of one shape (N, C).
    Source: Hinton, Vinyals & Dean 2015 (arXiv 1503.02531), §2.
    """

    def __init__(self, temperature):
        check_options("SoftTargets", temperature, 1)
        self.temperature = temperature

    def __call__(self, student, teacher, labels):
        z_s, z_t = check_logits("SoftTargets", student.logits, teacher.logits)
        return self.temperature**2 * divergence(z_s, z_t, self.temperature)


class OnLogits:
    """Makes a loss of `distill` out of a function(student's logits, teacher's logits) -> Tensor with one number.

    function: `consistency_loss`, `distance_loss`, `angle_loss`, or your own.
    """

    def __init__(self, function):
        self.function = function

    def __call__(self, student, teacher, labels):
        return self.function(student.logits, teacher.logits)


class OnFeatures:
    """Makes a loss of `distill` out of a function(student's feature, teacher's feature), added up over pairs of layers.

        (100, OnFeatures(attention_loss, {"pool1": "pool1", "pool2": "pool2"}))

    function: `attention_loss`, `distance_loss`, `angle_loss`, or your own.   layers: {layer of the student: of the teacher}.
    Errors: ValueError for no pair of layers.
    """

    def __init__(self, function, layers):
        if not layers:
            raise ValueError("OnFeatures: expects pairs of layers, {student's: teacher's}, got none")
        self.function, self.layers = function, dict(layers)

    def __call__(self, student, teacher, labels):
        first, *others = [self.function(student.features[s], teacher.features[t]) for s, t in self.layers.items()]
        return sum(others, first)
