"""Mean Teacher: the teacher is the running average of its own student, and most images need no label.

    mean = MeanTeacher(student, decay=0.99)
    losses = [(1, Labels()), (ramp_up(largest=3, steps=1000), OnLogits(consistency_loss))]
    loader = TwoViews(InStep(labelled, unlabelled), student=views, teacher=views)
    distill(student, mean.teacher, loader, optimizer, epochs, losses, noisy=True, after_step=mean.update)

Source: Tarvainen & Valpola 2017 (arXiv 1703.01780), §2 and appendix B.
"""

import copy
import math

from nnlite import Tensor
from nnlite import functional as F
from nntransfer.distill.logits import check_logits


class MeanTeacher:
    """A model whose weights are the exponential moving average of a student's.

        θ'_k = a θ'_{k−1} + (1 − a) θ_k        a = min(1 − 1/(k + 1), decay),   k = 1, 2, …

    The first steps count more, so that the random first weights are soon forgotten. Running statistics of BatchNorm are
    averaged in the same way; whole numbers are copied.

    student: a Module.   decay: the largest a, in [0, 1).   teacher: a copy of the student, which shares nothing with it.
    `update()` does one step of the average. A checkpoint of `fit` holds the student only.
    Errors: ValueError for another decay.
    Source: Tarvainen & Valpola 2017 (arXiv 1703.01780), §2, eq. 2; the first steps are those of its authors' program.
    """

    def __init__(self, student, decay=0.999):
        if not 0 <= decay < 1:
            raise ValueError(f"MeanTeacher: decay has to be at least 0 and below 1, got {decay}")
        self.decay, self.steps, self.teacher = decay, 0, copy.deepcopy(student)
        self._pairs = list(zip(_numbers(self.teacher), _numbers(student), strict=True))

    def update(self):
        """Do one step k of the average with the student's present weights. `fit` calls it after each step, as `after_step`."""
        self.steps += 1
        a = min(1 - 1 / (self.steps + 1), self.decay)
        for mean, own in self._pairs:
            if mean.dtype.kind == "f":
                mean.data = (a * mean.data + (1 - a) * own.data).astype(mean.dtype, copy=False)
            else:
                mean.data = own.data.copy()


def _numbers(model):
    return [tensor for _, tensor in (*model.named_parameters(), *model.named_buffers())]


def consistency_loss(student_logits, teacher_logits):
    """The squared distance between the student's and the teacher's probabilities, for examples with and without label.

        L = 1/N Σ_n |softmax(z_s)_n − softmax(z_t)_n|²

    student_logits, teacher_logits (N, C) -> a number from 0 to 2. No gradient flows to the teacher.
    Errors: ValueError for logits that are not of one shape (N, C).
    Source: Tarvainen & Valpola 2017 (arXiv 1703.01780), §2, eq. 1.
    """
    z_s, z_t = check_logits("consistency_loss", student_logits, teacher_logits)
    return F.mse_loss(F.softmax(z_s), Tensor(F.softmax(z_t).data), reduction="sum") / len(z_s)


def ramp_up(largest, steps):
    """A weight that rises over the first `steps` steps, for `distill`: step k -> w.

        w_k = largest · exp(−5 (1 − k/steps)²)        and w = largest from k = steps on

    At the start the teacher knows nothing, and the student should not learn to agree with it.
    Errors: ValueError for steps < 1.
    Source: Tarvainen & Valpola 2017 (arXiv 1703.01780), appendix B.1; the curve is Laine & Aila's 2017 (arXiv 1610.02242).

    >>> w = ramp_up(largest=3, steps=10)
    >>> round(w(0), 4), round(w(5), 4), w(10), w(99)        # 3 e^−5, 3 e^−1.25
    (0.0202, 0.8595, 3.0, 3.0)
    """
    if steps < 1:
        raise ValueError(f"ramp_up: expects at least 1 step, got {steps}")

    def weight(step):
        return largest * math.exp(-5 * (1 - min(step / steps, 1)) ** 2)

    return weight
