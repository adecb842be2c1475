"""Unstructured pruning: single weights go, by their magnitude or by another criterion.

This is what the first article's `create_pruning_mask(model, 0.5, "l1")` and `apply_pruning` (A5) would be:

    masks = magnitude_masks(model, 0.5)
    masks.apply()
"""

import numpy as np

from nncompress.articles import threshold_mask
from nncompress.pruning.criteria.magnitude import magnitude_scores
from nncompress.pruning.masks import Masks, prunable_weights
from nncompress.pruning.scores import masks_from_scores, per_name, refuse_empty_layers, scores_of


def magnitude_masks(model, sparsity, scope="layer", biases=False):
    """Masks that keep the weights of largest magnitude.

        score = |w|,   of n weights exactly round(sparsity · n) are removed, of equal ones the first

    sparsity    from 0 to 1, or {parameter name: sparsity} for the layers to prune, each to its own: Deep Compression's
                LeNet-300-100 is {"fc1.weight": 0.92, "fc2.weight": 0.91, "fc3.weight": 0.74}
    scope, biases   as in `criterion_masks`

    -> Masks; the model is not changed before their `apply`.
    Errors: ValueError for a sparsity outside [0, 1], an unknown name or scope, NaN or all-zero weights, a model with nothing
    to prune.
    Source: Han et al. 2015 (arXiv 1506.02626), §3; with exact counts as in Zhu & Gupta 2017 (arXiv 1710.01878), §3.
    """
    return criterion_masks(model, magnitude_scores, sparsity, scope=scope, biases=biases)


def criterion_masks(model, criterion, sparsity, evidence=None, scope="layer", biases=False):
    """Masks that keep the weights of the highest scores, for any criterion.

    criterion   criterion(w, evidence) -> scores of w's shape, the lowest go: one of `criteria`, or your own
    sparsity    as in `magnitude_masks`
    evidence    {parameter name: Evidence}, from `evidence.collect`; None for a criterion that needs none
    scope       "layer": that part of each layer; "row": of each output's weights; "global": of all layers together
    biases      whether the biases of these layers are pruned as well, each an array of its own; not in scope "row"

    -> Masks; the model is not changed before their `apply`.
    Errors: as in `magnitude_masks`; ValueError for scores of another shape than the weight, or missing evidence, and where
    scope "global" would empty the weight of one layer while others keep some: nothing would pass through it.

    >>> from nncompress.pruning.criteria import wanda_scores
    >>> from nnlite import nn
    >>> from nncompress.pruning.evidence import collect
    >>> model, loader = nn.Linear(4, 2, rng=0), [(np.float32([[9, 1, 1, 9]]), np.array([0]))]
    >>> masks = criterion_masks(model, wanda_scores, 0.5, collect(model, loader, what=["input_norm"]), scope="row")
    >>> masks["weight"].sum(axis=1).tolist()
    [2, 2]
    """
    if biases and scope == "row":
        raise ValueError("prune: scope 'row' ranks the weights of one output, which has one bias only: it cannot go with "
                         f"biases={biases}")
    weights = prunable_weights(model, biases)
    chosen = per_name("prune", sparsity, weights) if isinstance(sparsity, dict) else weights
    scores = {name: scores_of(name, weights[name], criterion, evidence) for name in chosen}
    masks = masks_from_scores(scores, sparsity, scope)
    if scope == "global":
        refuse_empty_layers(masks, f"a sparsity of {sparsity} over all layers", "scope 'layer'")
    return Masks(model, masks)


def threshold_masks(model, threshold):
    """Masks that keep the weights which reach a share of their layer's largest: the second article's pruning, B1, as accepted.

        mask = |W| / max |W| ≥ threshold

    threshold: from 0 to 1, or {parameter name: threshold} for the layers to prune -> Masks; the model is not changed before
    their `apply`.
    Errors: ValueError for a threshold outside [0, 1], an unknown name, NaN, infinite or all-zero weights, a model with nothing
    to prune.
    Source: article B, §3.1 (B1); see `nncompress.articles.threshold_mask`.
    """
    weights = prunable_weights(model)
    thresholds = per_name("prune", threshold, weights)
    return Masks(model, {name: threshold_mask(weights[name], t, name) for name, t in thresholds.items()})


def std_masks(model, quality):
    """Masks that keep the weights whose magnitude reaches a multiple of their layer's deviation.

        mask = |W| ≥ q · std(W),   std(W)² = mean (W − mean W)²

    One q prunes layers of different spread about equally hard, where one threshold would not.

    quality: q ≥ 0, or {parameter name: q} for the layers to prune -> Masks; the model is not changed before their `apply`.
    Errors: ValueError for a negative q, an unknown name, NaN or all-zero weights, a model with nothing to prune, and where one
    q for all layers would empty some of them only. (Of weights that are spread evenly, none reaches √3 deviations.)
    Source: Han et al. 2015 (arXiv 1506.02626), §4.
    """
    weights = prunable_weights(model)
    masks = {name: _above_std(name, weights[name], q) for name, q in per_name("prune", quality, weights).items()}
    if not isinstance(quality, dict):
        refuse_empty_layers(masks, f"a quality of {quality} for all layers", "a quality for each layer")
    return Masks(model, masks)


def _above_std(name, W, q):
    if not q >= 0:
        raise ValueError(f"{name}: the quality has to be a number from 0 up, got {q}")
    if np.isnan(W).any() or not W.any():
        raise ValueError(f"{name}: {'some weights are NaN' if W.any() else 'all weights are zero'}, no threshold can be drawn")
    return np.abs(W) >= q * np.std(W, dtype=np.float64)
