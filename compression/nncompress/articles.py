"""The two articles' pruning, to the letter, so that each formula can be checked; and what the formulas leave open.

`A` and `B` are the articles, the numbers their formulas. What people use instead is in `pruning.magnitude` and
`pruning.structured`.

Source: the articles' lines A2, A5, B1 and B3, which `tutorials/articles.md` quotes.
"""

import numpy as np

from nncompress.pruning.scores import check_fraction


def count_weights(model):
    """A5: the number that the first article prints after pruning, Σ numel over the parameters.

    Pruning by masks does not change it, because zeros are numbers too. `nnlite.summary(model, example).nonzero` counts what
    the article means.
    """
    return sum(parameter.size for parameter in model.parameters())


def shrink_by_threshold(w, threshold):
    """B1: pruning as the second article writes it.

        W_new = W_old − W_old × threshold

    This is W_old times (1 − threshold). Every weight becomes smaller and none is removed; only threshold = 1 removes all.
    `threshold_mask` is what the article's text around the formula describes.

    w any shape -> same shape and dtype. ValueError for a threshold outside [0, 1].

    >>> shrink_by_threshold(np.array([1.0, -0.5, 0.125]), 0.25)
    array([ 0.75   , -0.375  ,  0.09375])
    """
    check_fraction("shrink_by_threshold: the threshold", threshold)
    w = np.asarray(w)
    return w - w * threshold


def threshold_mask(w, threshold, name="threshold_mask"):
    """B1, accepted: scale the weights to 0 … 1, keep those that reach the threshold.

        mask = |W| / max |W| ≥ threshold,   W_new = W ⊙ mask

    w any shape -> booleans of that shape. `name` begins the error messages. `nncompress.pruning.threshold_masks` does it
    for all layers of a model.
    ValueError for a threshold outside [0, 1], NaN or infinite weights, and weights that are all zero, which cannot be
    scaled to 1.

    >>> threshold_mask(np.array([1.0, -0.5, 0.125]), 0.25)
    array([ True,  True, False])
    """
    check_fraction(f"{name}: the threshold", threshold)
    w = np.abs(w)
    largest = w.max(initial=0.0)
    if not 0 < largest < np.inf:
        raise ValueError(f"{name}: the largest weight has the magnitude {largest}, the others cannot be scaled by it")
    return w / largest >= threshold


def layers_left(layers, threshold):
    """B3: how many layers are left as the second article simplifies a structure.

        N_new = N_old − N_old × threshold

    N_new is seldom a whole number, and the formula does not say which layers go. The accepted form, `pruning.lowest_blocks`,
    rounds N_new, and ranks the layers by how much they change what passes through them.

    layers: N_old, from 0 up -> N_new, not rounded. ValueError for a threshold outside [0, 1].

    >>> layers_left(5, 0.25)
    3.75
    """
    check_fraction("layers_left: the threshold", threshold)
    return layers - layers * threshold


def split_weights(w, mask):
    """A2: the pruned weights and the removed ones.

        W_pruned = W_original − W_removed

    No position is non-zero in both, and W_pruned + W_removed is W_original again, bit for bit (but −0.0 becomes 0.0).

    w floats of any shape, mask booleans of that shape, True where kept -> (w_pruned, w_removed), like w.
    ValueError for a mask of another shape, NaN or infinite weights; TypeError for a mask that is not of booleans.

    >>> split_weights(np.array([3.0, -1.0, 2.0]), np.array([True, False, True]))
    (array([3., 0., 2.]), array([ 0., -1.,  0.]))
    """
    w, mask = np.asarray(w), np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(f"split_weights: the mask holds {mask.dtype}, expects booleans, True where a weight is kept")
    if mask.shape != w.shape:
        raise ValueError(f"split_weights: the mask has shape {mask.shape}, the weights {w.shape}")
    if not np.isfinite(w).all():
        raise ValueError(f"split_weights: {np.sum(~np.isfinite(w))} of {w.size} weights are NaN or infinite")
    w_removed = np.where(mask, 0, w)
    return w - w_removed, w_removed


def prune_by_statistics(w, fraction, decide, rng):
    """A2: the first article's four steps (§3.1), as far as they are defined.

    1. choose a fraction of the weights at random: round(fraction · n) of them;
    2. take the mean and the variance of the chosen;
    3. from mean and variance, decide which stay: `decide(chosen, mean, variance)` -> booleans, True to keep;
    4. write the kept ones into a new model: a new array, in which the others are 0.

    The article does not say how step 3 decides, although the whole method is in it, so the caller gives the rule. One reading
    keeps those of the chosen weights that lie far from their mean: `lambda v, mean, variance: (v - mean) ** 2 > variance`.
    Two more questions stay open. Does step 3 decide about the chosen weights or about all? Here it decides about the chosen,
    because only they were measured. And why is the choice random? A large weight may be removed, while a small one that was not
    chosen stays. The accepted form is `magnitude_masks`.

    w floats of any shape, rng a Generator or a seed -> w_pruned, like w; w stays as it is.
    Errors: ValueError for a fraction outside [0, 1] or one that chooses no weight, and as `split_weights`.
    """
    check_fraction("prune_by_statistics: the fraction", fraction)
    w = np.asarray(w)
    n = round(fraction * w.size)
    if n == 0:
        raise ValueError(f"prune_by_statistics: a fraction {fraction} of {w.size} weights is none, which has no mean")
    chosen = np.random.default_rng(rng).choice(w.size, n, replace=False)
    values = w.reshape(-1)[chosen]
    mask = np.ones(w.size, bool)
    mask[chosen] = decide(values, values.mean(), values.var())
    w_pruned, _ = split_weights(w, mask.reshape(w.shape))
    return w_pruned
