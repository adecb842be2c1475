"""Dynamic network surgery: removed weights keep their value and keep learning, so that they can return.

    surgery = Surgery(model, {"fc1.weight": 1.0, "fc2.weight": 0.5}, steps=2000)
    fit(model, loader, optimizer, epochs=10, after_step=surgery.after_step)
    masks = surgery.masks

The network computes with w = W ⊙ T, W the latent weights and T the mask. The gradient for w moves W, also where T is 0.
"""

import numpy as np

from nncompress.pruning.masks import Masks, prunable_weights
from nncompress.pruning.scores import per_name


def surgery_mask(W, T, a, b):
    """The mask after one look at the latent weights: small ones go, large ones return, those between stay as they are.

        T_new = 0 where |W| < a,   T where a ≤ |W| < b,   1 where |W| ≥ b

    The gap between a and b keeps weights near the threshold from coming and going.

    W, T of one shape, T booleans; 0 ≤ a ≤ b -> booleans.   Errors: ValueError for other a and b.
    Source: Guo, Yao & Chen 2016 (arXiv 1608.04493), eq. 3.

    >>> surgery_mask(np.array([0.1, 0.5, -0.5, 2]), np.array([True, True, False, False]), 0.4, 0.6)
    array([False,  True, False,  True])
    """
    if not 0 <= a <= b:
        raise ValueError(f"surgery_mask: the thresholds have to be 0 ≤ a ≤ b, got {a} and {b}")
    return np.where(np.abs(W) < a, False, np.where(np.abs(W) >= b, True, T))


def surgery_thresholds(W, c):
    """The two thresholds of a layer, a tenth below and above the mean magnitude plus c deviations of it.

        a = 0.9 max(μ + c σ, 0),   b = 1.1 max(μ + c σ, 0),   μ and σ the mean and deviation of |W|

    W any shape; c any number, larger for fewer weights -> (a, b).
    Source: Guo, Yao & Chen 2016 (arXiv 1608.04493), §3.1, with the factors of the authors' code.

    >>> surgery_thresholds(np.array([1.0, -3.0]), 1.0)
    (2.7, 3.3000000000000003)
    """
    size = np.abs(W)
    middle = max(float(size.mean(dtype=np.float64) + c * size.std(dtype=np.float64)), 0.0)
    return 0.9 * middle, 1.1 * middle


class Surgery:
    """Masks that follow the latent weights during training.

        W ← W + (w − W ⊙ T)     the change that the optimizer has made to w = W ⊙ T is added to W
        T ← surgery_mask(W, T, a, b)
        w ← W ⊙ T

    model       its weights at the time of this call are the latent ones W, and give a and b
    c           as in `surgery_thresholds`: a number, or {parameter name: c} for the layers to prune
    steps       how many steps T follows W; afterwards the masks stay (the paper makes looks at W rarer and rarer instead)

    masks       the Masks of the moment
    latent      {name: W}
    Weight decay acts on w, not on W. A checkpoint holds w alone: training cannot be resumed with the same latent weights.
    Errors: ValueError for an unknown name, steps below 0, a layer that loses all weights.
    Source: Guo, Yao & Chen 2016 (arXiv 1608.04493), algorithm 1.
    """

    def __init__(self, model, c, steps):
        if not steps >= 0:
            raise ValueError(f"Surgery: steps has to be 0 or more, got {steps}")
        weights = prunable_weights(model)
        chosen = per_name("Surgery", c, weights)
        self.latent = {name: weights[name].copy() for name in chosen}
        self.thresholds = {name: surgery_thresholds(weights[name], chosen[name]) for name in chosen}
        self.masks = Masks(model, {name: np.ones(W.shape, bool) for name, W in self.latent.items()})
        self.steps, self.step = steps, 0
        self._look()

    def after_step(self):
        """For `fit`: one step of the formula."""
        parameters = dict(self.masks.model.named_parameters())
        for name, W in self.latent.items():
            W += parameters[name].data - W * self.masks[name]
        self.step += 1
        if self.step <= self.steps:
            self._look()
        else:
            self._write()

    def _look(self):
        for name, W in self.latent.items():
            mask = surgery_mask(W, self.masks[name], *self.thresholds[name])
            if not mask.any():
                raise ValueError(f"Surgery: all {mask.size} latent weights of {name} are below {self.thresholds[name][0]:.4g}, "
                                 "the layer would be empty: give it a smaller c")
            self.masks[name] = mask
        self._write()

    def _write(self):
        parameters = dict(self.masks.model.named_parameters())
        for name, W in self.latent.items():
            np.multiply(W, self.masks[name], out=parameters[name].data)
            parameters[name].changed("Surgery")
