"""Regrowth (RigL): every so many steps the smallest weights go, and as many grow where the gradient is largest.

The network is sparse from the first step to the last: it is never trained whole.

    masks = criterion_masks(model, random_scores(0), 0.9)
    masks.apply()
    regrowth = Regrowth(masks, every=100, steps=3000)
    fit(model, loader, optimizer, epochs=10, after_step=regrowth.after_step)
"""

import math

import numpy as np

from nncompress.pruning.scores import check_fraction


def regrown_fraction(step, *, steps, initial=0.3):
    """The part of the kept weights that is exchanged at a training step: large at first, 0 at the end.

        f(t) = α/2 · (1 + cos(π t / T)),   0 from t = T on

    step t, steps T > 0, initial α.   Errors: ValueError for α outside [0, 1] or T ≤ 0.
    Source: Evci et al. 2020 (arXiv 1911.11134), §3, (2) "update schedule".

    >>> [round(regrown_fraction(t, steps=100), 3) for t in (0, 50, 100)]
    [0.3, 0.15, 0.0]
    """
    check_fraction("regrown_fraction: initial", initial)
    if not steps > 0:
        raise ValueError(f"regrown_fraction: steps has to be above 0, got {steps}")
    return 0.0 if step >= steps else initial / 2 * (1 + math.cos(math.pi * step / steps))


def regrown_mask(w, g, mask, fraction, name="regrown_mask"):
    """The mask in which the smallest kept weights are exchanged for as many with the largest gradients.

        out = the k lowest |w| of the kept,   in = the k largest |g| of those that are not kept any more,   k = round(f · kept)

    A weight that has just gone out is a candidate to come in, too; then nothing changes for it. Of equal ones the first go out,
    and the last come in.

    w, g, mask arrays of one shape; mask True where kept; fraction f from 0 to 1 -> a mask with as many True.
    `name` begins the error messages.   Errors: ValueError for a fraction outside [0, 1], and for NaN in w or g.
    Source: Evci et al. 2020 (arXiv 1911.11134), algorithm 1.

    >>> w, g = np.array([5.0, 0.1, 0, 0]), np.array([0, 0, 1.0, -2.0])
    >>> regrown_mask(w, g, np.array([True, True, False, False]), 0.5)
    array([ True, False, False,  True])
    """
    check_fraction(f"{name}: the fraction", fraction)
    if np.isnan(w).any() or np.isnan(g).any():
        raise ValueError(f"{name}: {np.isnan(w).sum()} weights and {np.isnan(g).sum()} gradients of {w.size} are NaN")
    w, g, new = np.abs(w).reshape(-1), np.abs(g).reshape(-1), mask.reshape(-1).copy()
    kept = np.flatnonzero(new)
    k = round(fraction * len(kept))
    new[kept[np.argsort(w[kept], kind="stable")[:k]]] = False
    candidates = np.flatnonzero(~new)
    new[candidates[np.argsort(g[candidates], kind="stable")[len(candidates) - k :]]] = True
    return new.reshape(mask.shape)


class Regrowth:
    """Exchange weights every so many steps, as `regrown_mask` says; what grows begins at 0.

    masks       Masks of the model, changed in place: they keep as many weights as before, in each layer
    every       how many steps lie between two exchanges, from 1 up
    steps       when to stop exchanging, as in `regrown_fraction`; the paper: after three quarters of the training
    initial     which part of the kept weights is exchanged at first

    `after_step` is for `fit`: it reads each weight's gradient, which `fit` has computed for removed weights too.
    An optimizer's averages go on while a weight is removed: it comes back with the momentum of its dense gradients.
    Errors: ValueError for every below 1, and as `regrown_fraction` and `regrown_mask`.
    """

    def __init__(self, masks, *, every, steps, initial=0.3):
        if every < 1:
            raise ValueError(f"Regrowth: every has to be at least 1, got {every}")
        regrown_fraction(0, steps=steps, initial=initial)  # refuses wrong options now, not in the middle of training
        self.masks, self.every, self.steps, self.initial, self.step = masks, every, steps, initial, 0

    def after_step(self):
        """For `fit`: exchange weights if it is time, and set the removed ones to 0."""
        self.step += 1
        if self.step % self.every == 0 and self.step < self.steps:
            fraction = regrown_fraction(self.step, steps=self.steps, initial=self.initial)
            self.masks.apply()
            parameters = dict(self.masks.model.named_parameters())
            for name, mask in self.masks.items():
                w = parameters[name]
                if w.grad is not None:
                    self.masks[name] = regrown_mask(w.data, w.grad, mask, fraction, name)
        self.masks.apply()
