"""Masks with a structure: patterns of n in m, whole rows and columns, inputs that are always 0. The arrays keep their shapes.

A row of a weight (axis 0) makes one output: it is a filter of a Conv2d, a neuron of a Linear. A column (axis 1) reads one
input: a channel, a feature, a pixel of the image.
"""

import numpy as np

from nncompress.pruning.criteria.magnitude import magnitude_scores
from nncompress.pruning.evidence import needed
from nncompress.pruning.masks import Masks, prunable_weights
from nncompress.pruning.scores import keep_highest, keep_highest_in_rows, per_name, scores_of


def keep_n_of_m(scores, n, m, name="keep_n_of_m"):
    """True for the n highest of every m scores that follow each other along axis 1; of equal ones the last stay.

        kept = the n highest of scores[o, k·m], …, scores[o, k·m + m − 1]   for every row o and every k

    scores (O, I, …), I a multiple of m -> booleans of that shape. With 2:4, exactly half of the weights stay.
    Errors: ValueError unless 0 < n < m, or for an I that m does not divide; and as `keep_highest`.
    Source: Mishra et al. 2021 (arXiv 2104.08378), §3.

    >>> keep_n_of_m(np.array([[4, 1, 3, 2, 5, 6, 7, 8]]), 2, 4).astype(int)
    array([[1, 0, 1, 0, 0, 0, 1, 1]])
    """
    if not (isinstance(n, int) and isinstance(m, int) and 0 < n < m):
        raise ValueError(f"{name}: a pattern n:m keeps n of m weights, 0 < n < m, got {n}:{m}")
    scores = np.moveaxis(np.asarray(scores), 1, -1)  # (O, …, I): the inputs side by side
    if scores.shape[-1] % m:
        raise ValueError(f"{name}: {scores.shape[-1]} inputs cannot be split into groups of {m}, as the pattern {n}:{m} needs")
    kept = keep_highest_in_rows(scores.reshape(-1, m), (m - n) / m, name)
    return np.moveaxis(kept.reshape(scores.shape), -1, 1)


def pattern_masks(model, n, m, criterion=magnitude_scores, evidence=None, layers=None):
    """Masks that keep n of every m weights that follow each other along the inputs of a row (2:4, 1:4).

    layers                names of the weights to prune; None: all those whose inputs m divides. The others stay whole, such as
                          a first convolution of one channel
    criterion, evidence   as in `criterion_masks`

    -> Masks; the model is not changed before their `apply`.
    Errors: ValueError for an unknown layer or one whose inputs m does not divide, where no layer fits, and as `keep_n_of_m`.
    """
    weights = prunable_weights(model)
    if layers is None:
        layers = [name for name, w in weights.items() if m and w.shape[1] % m == 0]
        if not layers:
            inputs = ", ".join(f"{name} {w.shape[1]}" for name, w in weights.items())
            raise ValueError(f"prune: the pattern {n}:{m} fits no layer, their inputs are {inputs}")
    per_name("prune", dict.fromkeys(layers), weights)
    return Masks(model, {name: keep_n_of_m(scores_of(name, weights[name], criterion, evidence), n, m, name) for name in layers})


def slice_masks(model, sparsity, axis, criterion=magnitude_scores, evidence=None):
    """Masks that remove whole rows (axis 0) or columns (axis 1) of each weight: those of the lowest sums of scores.

        score_r = Σ score(w)[r]   over all weights of row r;   of n rows round(sparsity · n) go, of equal ones the first

    sparsity              from 0 to 1, or {parameter name: sparsity} for the layers to prune. {"fc1.weight": 0.3} with axis 1
                          takes 30 % of the pixels from a network's first layer
    criterion, evidence   as in `criterion_masks`

    -> Masks; the model is not changed before their `apply`. A removed row still adds its bias. `shrink` takes rows out of the
    arrays, with all that depends on them.
    Errors: ValueError for another axis, and as `criterion_masks`.
    Source: Li et al. 2017 (arXiv 1608.08710), §3.1, for the rows.
    """
    if axis not in (0, 1):
        raise ValueError(f"slice_masks: axis 0 are the rows of a weight, axis 1 its columns, got axis {axis}")
    weights, masks = prunable_weights(model), {}
    for name, s in per_name("prune", sparsity, weights).items():
        scores = scores_of(name, weights[name], criterion, evidence)
        others = tuple(a for a in range(scores.ndim) if a != axis)
        kept = keep_highest(scores.sum(axis=others, dtype=np.float64), s, name)
        masks[name] = np.broadcast_to(np.expand_dims(kept, others), scores.shape).copy()
    return Masks(model, masks)


def dead_input_masks(model, evidence):
    """Masks that remove every weight whose input is 0 in all examples: pixels of the border, neurons that never wake up.

        mask = ‖x‖₂ > 0

    On the examples of the evidence the outputs stay the same.

    evidence: {parameter name: Evidence with an input_norm}, from `collect`; its weights are masked, its biases are not.
    -> Masks.   Errors: ValueError for evidence without an input_norm, and as `Masks`.
    Source: – (0 · w = 0).
    """
    weights = prunable_weights(model)
    return Masks(model, {name: needed("dead_input_masks", evidence[name], "input_norm") > 0
                         for name in evidence if name in weights})
