"""The loop of all distillation: a student trains, a teacher infers, and the losses between the two are added up.

    losses = [(0.1, Labels()), (0.9, SoftTargets(temperature=4)), (100, OnFeatures(attention_loss, {"pool1": "pool1"}))]
    history = distill(student, teacher, loader, optimizer, epochs=20, losses=losses)
"""

from contextlib import nullcontext

import numpy as np

from nnlite import Tensor, nn
from nnlite.nn.module import inference_mode
from nnlite.train import fit
from nntransfer.distill.cached import CachedLogits, WithCachedTeacher
from nntransfer.distill.losses import View
from nntransfer.distill.transfer_set import Unlabelled
from nntransfer.taps import tap


def distill(student, teacher, loader, optimizer, epochs, losses, *, noisy=False, history=None, **options):
    """Train the student on a sum of losses that look at the student, at its teacher and at the labels -> the history.

        L = Σ_i w_i L_i(student, teacher, labels)

    student     a Module, which changes in place
    teacher     a Module; a plan or another function images -> logits, which has no features; or `CachedLogits`, for a loader
                with indices=True. It infers: no dropout, BatchNorm by its running statistics, nothing on the tape. It stays as
                it is, also where it is the student itself or shares layers with it
    loader      yields (images, labels). A third part, images too, is the teacher's view of the batch (`TwoViews`); without it
                the teacher sees the student's images. Labels −1 mean "no label"
    optimizer   has the student's parameters, and those of losses that have parameters, such as `Hints`
    losses      a list of pairs (w_i, L_i). w_i: a number, or a function step -> number with steps 0, 1, … (`ramp_up`).
                L_i: a loss as `distill.losses` describes it
    noisy       whether the teacher's dropout is on, with masks of its own, as in Mean Teacher
    history, options   as in `nnlite.train.fit`: schedule, after_step, validation, checkpoint, progress, …

    The history's "loss" is L; its "accuracy" counts examples with a label.
    Errors: ValueError for no losses, for a transfer set without labels where a loss needs them, for features of a teacher that
    has only logits, and for an optimizer without a loss's parameters; those of `tap` for layers, with the nearest names, and of
    `fit`.
    Source: the sum of losses is Hinton, Vinyals & Dean 2015 (arXiv 1503.02531), §2; each loss names its own source.
    """
    _check(losses, loader, teacher, optimizer)
    names = [getattr(loss, "layers", {}) for _, loss in losses]
    own, taught = [s for pairs in names for s in pairs], [t for pairs in names for t in pairs.values()]
    step = len(history or ()) * len(loader)
    with _tapped(student, own) as features, _tapped(teacher, taught) as of_teacher:

        def loss(outputs, labels, view):
            nonlocal step
            z = outputs[0] if isinstance(outputs, tuple) else outputs
            total = add_up(losses, step, View(z, features), view, labels)
            step += 1
            return total

        batches = Answers(loader, teacher, of_teacher, noisy)
        return fit(student, batches, optimizer, epochs, loss, history=history, **options)


def add_up(losses, step, student, teacher, labels):
    """Σ_i w_i L_i of a batch, a Tensor. A loss with the weight 0 is not computed; if all weights are 0, the first is."""
    weights = [w(step) if callable(w) else w for w, _ in losses]
    counted = [(w, loss) for w, (_, loss) in zip(weights, losses, strict=True) if w] or [(0, losses[0][1])]
    first, *others = [w * loss(student, teacher, labels) for w, loss in counted]
    return sum(others, first)


def _check(losses, loader, teacher, optimizer):
    if not losses:
        raise ValueError("distill: expects a list of (weight, loss), got none")
    dataset, known = getattr(loader, "dataset", None), {id(parameter) for parameter in optimizer.parameters()}
    for _, loss in losses:
        own = loss.parameters() if hasattr(loss, "parameters") else []
        if missing := sum(parameter.requires_grad and id(parameter) not in known for parameter in own):
            raise ValueError(f"distill: the optimizer lacks {missing} of the {len(own)} parameters of {type(loss).__name__}; "
                             f"make it from both, optim.{type(optimizer).__name__}([*student.parameters(), …])")
        if isinstance(dataset, Unlabelled) and getattr(loss, "needs_labels", False):
            raise ValueError(f"distill: {type(loss).__name__} needs labels, and none of the {len(dataset)} images of the "
                             "transfer set has one; leave this loss out, or mix in labelled images with InStep")
        if getattr(loss, "layers", {}) and not isinstance(teacher, nn.Module):
            raise ValueError(f"distill: {type(loss).__name__} reads features of the teacher, and a {type(teacher).__name__} "
                             "has only logits; give the Module")


def _tapped(model, names):
    return tap(model, list(dict.fromkeys(names))) if names else nullcontext({})


class Answers:
    """The batches of a loader, each with the teacher's View: (images, labels, view).

    loader, teacher, noisy: as in `distill`.   features: the dict of a `tap` on the teacher.
    """

    def __init__(self, loader, teacher, features, noisy=False):
        self.cached = isinstance(teacher, CachedLogits)
        self.loader = WithCachedTeacher(loader, teacher) if self.cached else loader
        self.teacher, self.features, self.noisy = teacher, features, noisy

    @property
    def rng(self):
        """The loader's generator, so that a checkpoint can keep its state."""
        return self.loader.rng

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        for images, labels, *more in self.loader:
            yield images, labels, View(more[0], {}) if self.cached else self.ask(_teachers_view(images, more))

    def ask(self, images):
        """The teacher's View of the images, as arrays."""
        with inference_mode(self.teacher):
            if self.noisy:
                for module in self.teacher.modules():
                    module.training = isinstance(module, nn.Dropout)  # BatchNorm keeps its statistics
            outputs = self.teacher(images)
        z = outputs[0] if isinstance(outputs, tuple) else outputs
        return View(_array(z), {name: _array(feature) for name, feature in self.features.items()})


def _teachers_view(images, more):
    if not more or np.ndim(more[0]) != np.ndim(images):
        return images
    if len(more[0]) != len(images):
        raise ValueError(f"distill: the student sees {len(images)} images of a batch, the teacher {len(more[0])}")
    return more[0]


def _array(x):
    return x.data if isinstance(x, Tensor) else np.asarray(x)
