"""Masks for a whole network: the K weights and biases stay whose removal would raise the loss most per bit."""

import numpy as np

from nncompress.pruning.criteria.bits import loss_per_bit, place_bits
from nncompress.search.budget import BudgetTooSmall

BIAS_BITS = 4.0  # what any bias on the grid costs in the file


def best_masks(latents, masks, curvature, maps, K, gamma):
    """{name: booleans} that keep K numbers of all layers together, by `loss_per_bit`, weights and biases alike.

    latents    {name: array t} of weights and biases, also of removed ones: they may come back
    masks      {name: booleans}: what is kept now, which decides what a place costs
    curvature  an object whose of(name, shape) is h.   maps: as `structures.weight_maps` gives them
    K          exactly K numbers stay, or all with a positive score if there are fewer; numbers with score 0 always go
    gamma      the exponent of the bits in `loss_per_bit`

    Errors: BudgetTooSmall, a ValueError, for a layer that would lose all its weights: no input would reach the output.
    """
    scores = {}
    for name, t in latents.items():
        bits = place_bits(masks[name], maps[name]) if name in maps else BIAS_BITS
        scores[name] = loss_per_bit(t, curvature.of(name, t.shape), bits, gamma)
    every = np.concatenate([score.ravel() for score in scores.values()])
    kept = np.zeros(every.size, bool)
    kept[np.argpartition(-every, min(K, every.size) - 1)[:K]] = True
    kept &= every > 0
    ends = np.cumsum([score.size for score in scores.values()])[:-1]
    found = {name: mask.reshape(scores[name].shape) for name, mask in zip(scores, np.split(kept, ends), strict=True)}
    for name in maps:
        if not found[name].any():
            raise BudgetTooSmall(f"compress: {name} loses all its {found[name].size} weights when {K} numbers of the network "
                                 "stay; the budget is too small for this model")
    return found
