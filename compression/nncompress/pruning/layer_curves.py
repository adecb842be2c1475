"""Sensitivity: how much the accuracy falls when one layer alone is pruned, layer by layer.

    curves = sensitivity(model, validation)
    plot.sensitivity_curves(curves.sparsities, curves.scores, curves.dense, "sensitivity.svg")
    sparsities = sparsities_for_budget(curves, layer_costs(model, example, "bytes"), 30_000)      # module `ratios`
    masks = magnitude_masks(model, sparsities)
"""

from typing import NamedTuple

import numpy as np

from nncompress.pruning.criteria.magnitude import magnitude_scores
from nncompress.pruning.masks import prunable_weights
from nncompress.pruning.scores import check_fraction, keep_highest, scores_of
from nnlite.train import evaluate

SPARSITIES = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)


class Curves(NamedTuple):
    """The result of `sensitivity`.

    sparsities   (S,) from low to high
    scores       {parameter name: (S,) score of the model with this layer alone pruned to that sparsity}
    dense        the score of the model as it is
    """

    sparsities: np.ndarray
    scores: dict
    dense: float


def sensitivity(model, data, sparsities=SPARSITIES, criterion=magnitude_scores, evidence=None, names=None, score=None):
    """The model's score with one layer pruned and all others as they are, for each layer and sparsity -> Curves.

        scores[l][i] = score(model with round(s_i · n_l) of layer l's n_l weights set to 0)

    Nothing is retrained: the curves say which layers the model depends on now. Afterwards the weights are as before.

    model       trained; a model that is pruned already keeps its zeros
    data        a loader, best of images that are neither training nor test images
    sparsities  from 0 to 1, rising
    criterion, evidence   as in `criterion_masks`
    names       which weights to look at; None for those of every Conv2d and Linear
    score       score(model, data) -> a number, more is better; None for the accuracy

    It costs one evaluation for each layer and sparsity.
    Errors: ValueError for sparsities that do not rise or lie outside [0, 1], unknown names, and as `keep_highest`.
    Source: Li et al. 2017 (arXiv 1608.08710), §3.2, for filters; Han et al. 2015 (arXiv 1506.02626), figure 6, for weights.
    """
    weights = prunable_weights(model)
    names = list(weights) if names is None else list(names)
    unknown = sorted(set(names) - set(weights))
    if unknown:
        raise ValueError(f"sensitivity: there is no {unknown} to prune, only {list(weights)}")
    sparsities = np.asarray(sparsities, np.float64)
    for s in sparsities.tolist():
        check_fraction("sensitivity: a sparsity", s)
    if not sparsities.size or (np.diff(sparsities) <= 0).any():
        raise ValueError(f"sensitivity: the sparsities have to rise, got {sparsities.tolist()}")
    score = _accuracy if score is None else score
    parameters, found = dict(model.named_parameters()), {}
    for name in names:
        scores = scores_of(name, weights[name], criterion, evidence)
        masks = [keep_highest(scores, s, name) for s in sparsities.tolist()]
        found[name] = np.array([_score_under(model, data, parameters[name], mask, score) for mask in masks])
    return Curves(sparsities, found, score(model, data))


def _accuracy(model, data):
    return evaluate(model, data)["accuracy"]


def _score_under(model, data, parameter, mask, score):
    """The score while one parameter is masked."""
    before = parameter.data
    parameter.data = np.where(mask, before, before.dtype.type(0))
    try:
        return score(model, data)
    finally:
        parameter.data = before
