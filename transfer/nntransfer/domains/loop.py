"""The loop of all adaptation: a model learns from labels of the source, and its features of both domains become alike.

    adapt(model, source, target, optimizer, epochs=3, layer="features", loss=coral_loss, weight=3000)
    reestimate_statistics(model, target)                     then BatchNorm's statistics are the target's alone (AdaBN)
"""

from itertools import chain, repeat

import numpy as np

from nnlite import functional as F
from nnlite.train import fit
from nntransfer.domains.adversary import Adversary
from nntransfer.domains.reversal import ramp
from nntransfer.taps import tap


def adapt(model, source, target, optimizer, epochs, *, layer, loss, weight=1.0, together=False, history=None, **options):
    """Train a model on the labels of one domain, with features that are alike in both; no label of the target is used.

        L = CE(model(x_s), y_s) + λ loss(h_s, h_t)          λ = weight · (2/(1 + e^(−10 p)) − 1),  p = step/steps
        with an `Adversary`:  L = CE(model(x_s), y_s) + adversary(h_s, h_t), whose gradient comes back times −λ

    model          a Module, which changes in place
    source         a loader of batches (images, labels); an epoch is one pass of it
    target         a loader of batches (images, …), begun anew as often as needed. Its labels are not used. With drop_last=True
                   every batch has the same size
    optimizer      has the model's parameters, and those of an `Adversary`
    layer          the name of the layer whose outputs h_s, h_t are to become alike, as `nntransfer.tap` takes it; features
                   (n, C, H, W) are flattened
    loss           `coral_loss`, `squared_mmd`, an `Adversary`, or another function of h_s (n, d) and h_t (m, d)
    weight         the largest λ
    together       False: each domain passes the model alone, so BatchNorm takes its statistics from one domain at a time.
                   True: both are one batch
    history, options   as in `nnlite.train.fit`: schedule, validation, after_step, checkpoint, progress, …

    Returns the history; "loss" is L, "accuracy" that on the source. Where the model has BatchNorm, its running statistics are
    a mixture of both domains afterwards: call `finetune.reestimate_statistics(model, target)` before it is used there.
    Errors: ValueError for an optimizer without the Adversary's parameters, for images of two shapes, and for images of the
    source without a label; those of `tap`, of the loss (fewer than two samples in a batch) and of `fit`.
    Source: Sun & Saenko 2016 (arXiv 1607.01719), Long et al. 2015 (arXiv 1502.02791), Ganin & Lempitsky 2015
    (arXiv 1409.7495), eq. 9, for the three losses; λ(p) is the last one's.
    """
    _check_adversary(loss, optimizer)
    steps, step = epochs * len(source), len(history or ()) * len(source)
    with tap(model, [layer]) as features:

        def batch_loss(outputs, labels, target_images=None):
            nonlocal step
            h, z = _flat(features[layer]), outputs[0] if isinstance(outputs, tuple) else outputs
            n = int(np.count_nonzero(labels >= 0)) if together else len(labels)
            if target_images is None:
                h_source, h_target = h[:n], h[n:]
            else:
                model(target_images)
                h_source, h_target = h, _flat(features[layer])
            strength = weight * ramp(step / steps)
            step += 1
            return F.cross_entropy(z[:n], labels[:n]) + _term(loss, h_source, h_target, strength)

        return fit(model, BothDomains(source, target, together), optimizer, epochs, batch_loss, history=history, **options)


def _term(loss, h_source, h_target, strength):
    """λ loss(h_s, h_t); an Adversary itself learns at full strength, and only what it sends back is scaled."""
    if isinstance(loss, Adversary):
        return loss(h_source, h_target, strength)
    return strength * loss(h_source, h_target)


def _flat(h):
    return h if h.ndim == 2 else F.flatten(h, 1)


def _check_adversary(loss, optimizer):
    if isinstance(loss, Adversary):
        known = {id(parameter) for parameter in optimizer.parameters()}
        missing = sum(id(parameter) not in known for parameter in loss.parameters())
        if missing:
            raise ValueError(f"adapt: the optimizer lacks {missing} of the Adversary's {len(loss.parameters())} parameters; "
                             f"make it from model.parameters() + adversary.parameters(): optim.{type(optimizer).__name__}(…)")


class BothDomains:
    """The batches of two loaders in step, one pass of the source.

        together=False:  (source images, labels, target images)
        together=True:   (images of both, source first; labels, −1 for the target's)

    source, target: loaders as in `adapt`. Both draw from the source's generator `rng`, which a checkpoint keeps.
    Errors: ValueError for images of two shapes, a target without a batch, and labels of the source that are missing (−1) or,
    for together=True, are not one class for each image.
    """

    def __init__(self, source, target, together=False):
        self.source, self.target, self.together = source, target, together
        if len(target) == 0:
            raise ValueError("adapt: the target gives no batch")
        if hasattr(source, "rng") and hasattr(target, "rng"):
            target.rng = source.rng

    @property
    def rng(self):
        """The source's generator, so that a checkpoint can keep its state."""
        return self.source.rng

    def __len__(self):
        return len(self.source)

    def __iter__(self):
        others = chain.from_iterable(repeat(self.target))
        for (images, labels, *_), (target_images, *_) in zip(self.source, others, strict=False):
            if np.min(labels) < 0:
                raise ValueError(f"adapt: {np.count_nonzero(labels < 0)} of {len(labels)} images in a batch of the source have "
                                 "no label (−1); images without labels belong into the target")
            if self.together and np.ndim(labels) != 1:
                raise ValueError(f"adapt: together=True takes a class for each image of the source, got labels "
                                 f"{np.shape(labels)}; together=False takes probabilities, too")
            if images.shape[1:] != target_images.shape[1:]:
                raise ValueError(f"adapt: images of the source are {images.shape[1:]}, of the target {target_images.shape[1:]}")
            if self.together:
                yield np.concatenate([images, target_images]), np.concatenate([labels, np.full(len(target_images), -1)])
            else:
                yield images, labels, target_images
