"""From scores to what is kept. A criterion (see `criteria`) gives each weight a score; here the lowest scores go.

Everything counts exactly: of n scores, round(sparsity · n) are removed (Python's `round`: halves go to the even number).
"""

from numbers import Real

import numpy as np


def check_fraction(name, value):
    """ValueError unless value is a number from 0 to 1."""
    if not (isinstance(value, Real) and 0 <= value <= 1):
        raise ValueError(f"{name} has to be a number from 0 to 1, got {value!r}")


def per_name(what, value, names):
    """{name: value} for all names. If `value` is a dict already, it names the layers to prune, and is returned as it is.

    Errors: ValueError, which begins with `what`, for a name in the dict that is not one of `names`.
    """
    if not isinstance(value, dict):
        return dict.fromkeys(names, value)
    unknown = value.keys() - set(names)
    if unknown:
        raise ValueError(f"{what}: there is no {sorted(unknown)} to prune, only {list(names)}")
    return value


def scores_of(name, w, criterion, evidence=None):
    """The criterion's scores of the weight w called `name`, checked.

    evidence: {name: Evidence}, or None -> scores of w's shape.   Errors: ValueError for scores of another shape.
    """
    scores = np.asarray(criterion(w, (evidence or {}).get(name)))
    if scores.shape != w.shape:
        raise ValueError(f"{name}: the criterion gives scores of shape {scores.shape}, the weight has {w.shape}")
    return scores


def remove_lowest(scores, count, name):
    """False for the `count` lowest scores, of equal ones the first; True for the others, which stay.

    scores any shape -> booleans of that shape. `name` begins the error messages.
    Errors: ValueError for NaN scores, and for scores that are all 0 if some are to go and some to stay: nothing says which.
    """
    scores = np.asarray(scores)
    if np.isnan(scores).any():
        raise ValueError(f"{name}: {np.isnan(scores).sum()} of {scores.size} scores are NaN")
    if 0 < count < scores.size and not scores.any():
        raise ValueError(f"{name}: all {scores.size} scores are zero, so nothing says which {count} to remove")
    mask = np.ones(scores.size, bool)
    mask[np.argsort(scores, axis=None, kind="stable")[:count]] = False
    return mask.reshape(scores.shape)


def keep_highest(scores, sparsity, name="keep_highest"):
    """True for the scores that stay: all but the round(sparsity · n) lowest, of equal ones the first.

    scores any shape, n numbers in all -> booleans of that shape.
    Errors: ValueError for a sparsity outside [0, 1], and as `remove_lowest`.

    >>> keep_highest(np.array([0.3, 0.1, 0.2, 0.1]), 0.25)
    array([ True, False,  True,  True])
    """
    check_fraction(f"{name}: the sparsity", sparsity)
    return remove_lowest(scores, round(sparsity * np.size(scores)), name)


def keep_highest_in_rows(scores, sparsity, name="keep_highest_in_rows"):
    """`keep_highest` for each row by itself: of the n scores of row o the round(sparsity · n) lowest go, of equals the first.

    scores (O, …), n numbers in each row -> booleans of that shape. In a row whose scores are all 0 the first go.
    Errors: as `keep_highest` for all scores together.

    >>> keep_highest_in_rows(np.array([[5, 6, 7, 8], [0, 0, 0, 1]]), 0.5).astype(int)
    array([[0, 0, 1, 1],
           [0, 0, 1, 1]])
    """
    keep_highest(scores, sparsity, name)
    rows = np.reshape(scores, (len(scores), -1))
    lowest = np.argsort(rows, axis=1, kind="stable")[:, : round(sparsity * rows.shape[1])]
    mask = np.ones(rows.shape, bool)
    np.put_along_axis(mask, lowest, False, axis=1)
    return mask.reshape(np.shape(scores))


def masks_from_scores(scores, sparsity, scope="layer"):
    """{name: mask} from {name: scores}: the lowest scores are removed.

    sparsity    from 0 to 1, or {name: sparsity} for the layers to prune, each to its own
    scope       "layer": exactly round(sparsity · n) of each layer's n weights.
                "row": exactly round(sparsity · n) of the n weights of each output (axis 0); in a row of zeros the first.
                "global": exactly that many of all weights together, wherever the lowest are; a layer of small weights
                may lose all of them.

    Errors: ValueError for another scope, one sparsity a layer with scope "global", an unknown name, and as `keep_highest`.
    """
    if scope == "layer":
        return {name: keep_highest(scores[name], s, name) for name, s in per_name("prune", sparsity, scores).items()}
    if scope == "row":
        return {name: keep_highest_in_rows(scores[name], s, name) for name, s in per_name("prune", sparsity, scores).items()}
    if scope != "global":
        raise ValueError(f"prune: the scope is 'layer', 'row' or 'global', got {scope!r}")
    if isinstance(sparsity, dict):
        raise ValueError(f"prune: scope 'global' takes one sparsity for all layers, got {sparsity}")
    together = keep_highest(np.concatenate([s.reshape(-1) for s in scores.values()]), sparsity, "prune")
    ends = np.cumsum([s.size for s in scores.values()])[:-1]
    return {name: mask.reshape(scores[name].shape) for name, mask in zip(scores, np.split(together, ends), strict=True)}


def refuse_empty_layers(masks, what, instead):
    """ValueError where a weight would lose all that it has and another would not: nothing would pass through its layer.

    masks {name: booleans}; those of biases may become empty.   what, instead: parts of the message.
    """
    kept = {name: int(mask.sum()) for name, mask in masks.items() if mask.ndim > 1}
    empty = [name for name, count in kept.items() if count == 0]
    if empty and any(kept.values()):
        lost = " and ".join(f"all {masks[name].size} weights of {name}" for name in empty)
        left = ", ".join(f"{name} {count}" for name, count in kept.items() if count)
        raise ValueError(f"prune: {what} would remove {lost}, and leave some elsewhere ({left}): choose a lower one, or "
                         f"{instead}")
