"""Unstructured pruning by magnitude: small weights matter least.

This is what the first article's `create_pruning_mask(model, 0.5, "l1")` and `apply_pruning` (A5) would be:

    masks = magnitude_masks(model, 0.5)
    apply_masks(model, masks)
"""

import numpy as np

from nncompress.pruning.masks import prunable_weights
from nncompress.pruning.scores import masks_from_scores, per_name


def magnitude_masks(model, sparsity, scope="layer"):
    """Masks that keep the weights of largest magnitude.

        score = |w|,   of n weights exactly round(sparsity · n) are removed, of equal ones the first

    sparsity    from 0 to 1, or {parameter name: sparsity} for the layers to prune, each to its own: Deep Compression's
                LeNet-300-100 is {"fc1.weight": 0.92, "fc2.weight": 0.91, "fc3.weight": 0.74}
    scope       "layer": that part of each layer; "global": of all of them together

    -> {parameter name: booleans}, for `apply_masks`.
    Errors: ValueError for a sparsity outside [0, 1], an unknown name or scope, NaN or all-zero weights, a model with nothing
    to prune.
    Source: Han et al. 2015 (arXiv 1506.02626), §3; with exact counts as in Zhu & Gupta 2017 (arXiv 1710.01878), §3.
    """
    return masks_from_scores({name: np.abs(w) for name, w in prunable_weights(model).items()}, sparsity, scope)


def std_masks(model, quality):
    """Masks that keep the weights which are large for their layer.

        mask = |W| ≥ q · std(W),   std(W)² = mean (W − mean W)²

    One q prunes layers of different spread about equally hard, where one threshold would not.

    quality: q ≥ 0, or {parameter name: q} for the layers to prune -> {parameter name: booleans}.
    Errors: ValueError for a negative q, an unknown name, NaN or all-zero weights, a model with nothing to prune.
    Source: Han et al. 2015 (arXiv 1506.02626), §4.
    """
    weights = prunable_weights(model)
    return {name: _above_std(name, weights[name], q) for name, q in per_name("prune", quality, weights).items()}


def _above_std(name, W, q):
    if not q >= 0:
        raise ValueError(f"{name}: the quality has to be a number from 0 up, got {q}")
    if np.isnan(W).any() or not W.any():
        raise ValueError(f"{name}: {'some weights are NaN' if W.any() else 'all weights are zero'}, no threshold can be drawn")
    return np.abs(W) >= q * np.std(W, dtype=np.float64)
