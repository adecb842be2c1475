"""Scores that grow along with a training, for movement pruning.

    movement = MovementScores(model)
    for sparsity in (0.5, 0.8, 0.9):
        fit(model, loader, optimizer, epochs=1, after_step=movement.after_step)
        movement.prune(sparsity)
    fit(model, loader, optimizer, epochs=5, after_step=movement.masks.apply)
"""

import numpy as np

from nncompress.pruning.criteria.movement import movement_scores
from nncompress.pruning.evidence import Evidence
from nncompress.pruning.masks import Masks, prunable_weights
from nncompress.pruning.scores import masks_from_scores, refuse_empty_layers


class MovementScores:
    """The scores S of every weight W, learned while the network trains.

        W′ = W ⊙ mask(S)                             the network computes with W′
        dL/dS = (dL/dW′) ⊙ W                         straight through: as if the mask were S itself
        S ← S − dL/dS

    The removed weights are 0 in the model. Their values W from before are kept here, their S goes on changing, and a later
    `prune` may bring them back. A removed weight gets no step. With momentum the optimizer still averages its gradients, and
    they count once it is back.

    model   its weights of Conv2d and Linear are scored
    scores  {name: S}, float64, 0 at first        masks  Masks, which keep everything at first
    Source: Sanh, Wolf, Rush 2020 (arXiv 2005.07683), §4, eq. 2 and 3 (hard movement pruning).
    """

    def __init__(self, model):
        self.model = model
        self.dense = {name: w.copy() for name, w in prunable_weights(model).items()}
        self.scores = {name: np.zeros(w.shape) for name, w in self.dense.items()}
        self.masks = Masks(model, {name: np.ones(w.shape, bool) for name, w in self.dense.items()})

    def after_step(self):
        """For `fit`, after each step of the optimizer: update the scores by this step's gradients, and apply the masks."""
        parameters = dict(self.model.named_parameters())
        for name, W in self.dense.items():
            if parameters[name].grad is not None:
                self.scores[name] -= parameters[name].grad.astype(np.float64) * W  # W: still that of before the step
            np.copyto(W, parameters[name].data, where=self.masks[name])
        self.masks.apply()

    def evidence(self):
        """{name: Evidence(movement=S)}, for `movement_scores`."""
        return {name: Evidence(movement=scores) for name, scores in self.scores.items()}

    def prune(self, sparsity, scope="layer"):
        """Remove the weights of the lowest S, and bring those back which are not among them any more -> the new Masks.

        sparsity, scope: as in `masks_from_scores`; a layer without a sparsity of its own stays as it is.
        Errors: those of `masks_from_scores`, for example for a layer that has seen no step, whose scores are all 0. ValueError
        for a model that was trained without `after_step`, because `prune` would undo this training, and where scope "global"
        would empty one layer while others keep weights.
        """
        parameters = dict(self.model.named_parameters())
        for name, W in self.dense.items():
            if not np.array_equal(parameters[name].data, W * self.masks[name]):
                raise ValueError(f"MovementScores: {name} has changed since the last after_step; it belongs after every step")
        scores = {name: movement_scores(W, Evidence(movement=self.scores[name])) for name, W in self.dense.items()}
        masks = masks_from_scores(scores, sparsity, scope)
        if scope == "global":
            refuse_empty_layers(masks, f"a sparsity of {sparsity} over all layers", "scope 'layer'")
        self.masks.update(masks)
        for name, W in self.dense.items():
            np.copyto(parameters[name].data, W)
        self.masks.apply()
        return self.masks
