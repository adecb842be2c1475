"""Evidence: what a criterion has to know about a weight beside its value, gathered once from data.

    evidence = collect(model, loader, what=["gradient"])
    masks = criterion_masks(model, taylor_scores, 0.9, evidence)
"""

from typing import NamedTuple

import numpy as np

from nncompress.pruning.gradients import gauss_newton_diagonal, mean_gradients, mean_squared_gradients
from nncompress.pruning.inputs import input_moments, input_norms
from nncompress.pruning.masks import prunable_weights
from nnlite import functional as F


class Evidence(NamedTuple):
    """What was gathered about one weight w: float64 arrays, of w's shape except for the moments; None if it was not asked for.

    gradient        g = ∂L/∂w, L the mean loss of all examples
    fisher          1/N Σ_n (∂ℓ_n/∂w)², ℓ_n the loss of example n: a backward pass for each example
    curvature       h = ∂²L/∂w² after Gauss and Newton: a backward pass for each example and output
    input_norm      ‖x‖₂ of what each entry of w is multiplied by, over all examples and all positions
    input_moments   H = mean x xᵀ of the layer's inputs, with a 1 at the end of x for the bias: (groups, K + 1, K + 1)
    movement        −Σ_t g_t w_t over the steps of a training, from `MovementScores`; `collect` cannot know it
    """

    gradient: np.ndarray | None = None
    fisher: np.ndarray | None = None
    curvature: np.ndarray | None = None
    input_norm: np.ndarray | None = None
    input_moments: np.ndarray | None = None
    movement: np.ndarray | None = None


GATHERED = {"gradient": mean_gradients, "fisher": mean_squared_gradients, "curvature": gauss_newton_diagonal,
            "input_norm": input_norms, "input_moments": input_moments}


def needed(criterion, evidence, what):
    """The field `what` of an Evidence.   If it is missing, ValueError, which begins with `criterion` and says how to get it."""
    found = getattr(evidence, what, None)
    if found is None:
        source = f"collect(model, loader, what=[{what!r}])" if what in GATHERED else "MovementScores(model).evidence()"
        raise ValueError(f"{criterion}: needs the {what} of the weight; {source} gives it")
    return found


def collect(model, loader, loss=F.cross_entropy, what=("gradient", "input_norm"), biases=False):
    """Gather evidence about the weights of every Conv2d and Linear -> {parameter name: Evidence}.

    The model infers meanwhile (no dropout, BatchNorm by its running statistics). Afterwards its weights, modes, gradients and
    frozen parameters are as before. A frozen weight gets evidence too.

    loader    yields batches (images, labels, …), as for `nnlite.train.fit`; the size of the batches does not matter
    loss      loss(logits, labels, …) -> a Tensor with one number, the mean over the batch
    what      the fields of Evidence to gather, all but "movement". "fisher" and "curvature" run single examples: for 1000
              images and a small network, about 1 and 10 seconds. Some hundred images are enough for both
    biases    whether to gather evidence about the biases, too; a bias has no input_moments

    Errors: ValueError for another `what`, a loader without a batch, and a model that has no Conv2d and no Linear.
    """
    unknown = sorted(set(what) - GATHERED.keys())
    if unknown:
        raise ValueError(f"collect: there is no evidence {unknown}, only {', '.join(GATHERED)}")
    names = list(prunable_weights(model, biases))
    found = {}
    for kind in what:
        arguments = (model, loader, names) if kind.startswith("input") else (model, loader, loss, names)
        found[kind] = GATHERED[kind](*arguments)
    return {name: Evidence(**{kind: arrays.get(name) for kind, arrays in found.items()}) for name in names}
