"""Structured pruning: remove whole filters and neurons, and with them the slices of all arrays that belong to them.

Afterwards the arrays are smaller, and so is every product with them. Masks and an optimizer made before lose the same slices if
`shrink` is given them. An optimizer that is not given has states of the old shapes, and says so in its next step.
"""

import numpy as np

from nncompress.pruning.criteria.magnitude import magnitude_scores
from nncompress.pruning.groups import dependency_groups
from nncompress.pruning.scores import check_fraction, masks_from_scores, per_name, remove_lowest, scores_of


def group_scores(group, state, criterion=magnitude_scores, evidence=None):
    """How much the channels of a group matter: the sum of the scores of all weights that make channel c.

        score_c = Σ_W Σ score(W)[c]   over the weights W (convolution, grouped or not, linear) with the channels on axis 0

    Such a W is a member of the group on axis 0 whose array has two axes or more: a bias or a BatchNorm has one.

    group       Group; group.members are (name, axis, repeat)
    state       {name: array} as `state_dict` gives it
    criterion   criterion(W, evidence of W) -> scores of W's shape; `scores_of` calls it and checks what it gives
    evidence    {name: Evidence}; None for a criterion that needs none

    -> scores (group.size,), summed in float64.   Errors: ValueError for scores of another shape than W.
    Source: Li et al. 2017 (arXiv 1608.08710), §3.1; for sets joined by a residual addition, the sum over their makers.
    """
    scores = np.zeros(group.size)
    for name, axis, _ in group.members:
        if axis == 0 and state[name].ndim > 1:
            scores += scores_of(name, state[name], criterion, evidence).reshape(group.size, -1).sum(axis=1, dtype=np.float64)
    return scores


def shrink(model, example, fraction, criterion=magnitude_scores, evidence=None, masks=None, optimizer=None):
    """Remove the lowest-scored filters and neurons of every group; the model's arrays become smaller, in place.

    example     array (N, …) as the model takes it, to find its groups
    fraction    from 0 to 1, or {group name: fraction} for the groups to shrink; of n channels round(fraction · n) go,
                but one always stays
    criterion   criterion(w, evidence) -> scores of w's shape; the sums over a channel's weights are ranked (`group_scores`)
    evidence    {parameter name: Evidence}, from `evidence.collect`; None for a criterion that needs none
    masks       Masks of the model, which lose the same channels
    optimizer   the model's optimizer, whose averages lose the same channels

    -> {group name: indices of the channels that were kept}.
    Errors: ValueError for a fraction outside [0, 1], an unknown group, NaN or all-zero scores, a model without a group that
    can shrink; nothing has changed then.

    >>> from nnlite import models
    >>> model = models.lenet_300_100()
    >>> kept = shrink(model, np.zeros((1, 784), np.float32), {"fc1": 0.9})
    >>> len(kept["fc1"]), model.fc1.weight.shape, model.fc2.weight.shape
    (30, (30, 784), (100, 30))
    """
    groups = {group.name: group for group in dependency_groups(model, example)}
    if not groups:
        raise ValueError(f"shrink: {type(model).__name__} has no channels that can be removed: all of them reach its input, "
                         "its output, or an operation that needs them")
    fractions, state = per_name("shrink", fraction, groups), model.state_dict()
    scores = {name: group_scores(groups[name], state, criterion, evidence) for name in fractions}
    keep = channels_to_keep(scores, fractions)
    shrink_to(model, groups.values(), keep, masks, optimizer)
    return keep


def channels_to_keep(scores, fraction, scope="group"):
    """Which channels stay: those of the highest scores, for `shrink_to` -> {group name: indices}.

    scores     {group name: scores (size,)}
    fraction   from 0 to 1, or {group name: fraction}; of n channels round(fraction · n) go, but one always stays
    scope      "group": that part of each group. "global": that part of all channels together; a group that would lose all
               keeps the one of its highest score (then fewer go)

    Errors: ValueError for another scope, a fraction outside [0, 1] or one for each group with scope "global", an unknown
    group, NaN or all-zero scores.
    """
    if scope == "global":
        masks = masks_from_scores(scores, fraction, "global")
        return {name: np.flatnonzero(mask) if mask.any() else np.array([np.argmax(scores[name])])
                for name, mask in masks.items()}
    if scope != "group":
        raise ValueError(f"channels_to_keep: the scope is 'group' or 'global', got {scope!r}")
    return {name: _highest_channels(name, scores[name], part) for name, part in per_name("shrink", fraction, scores).items()}


def _highest_channels(name, scores, fraction):
    """Indices of the channels that stay: at least one."""
    check_fraction(f"shrink: the fraction of {name}", fraction)
    n = len(scores)
    return np.flatnonzero(remove_lowest(scores, min(round(fraction * n), n - 1), f"shrink: {name}"))


def shrink_to(model, groups, keep, masks=None, optimizer=None):
    """Cut every array of the groups, its mask and its averages down to the channels to keep; their gradients are forgotten.

    A member (name, axis, repeat) of a group gives channel c the indices c·repeat … c·repeat + repeat − 1 of that axis of the
    array `name`. An array may be a member of two groups, on another axis each.

    model    its parameters and buffers, from `named_parameters` and `named_buffers`, get a new array each as `data`, and None
             as `grad`
    groups   as `dependency_groups` gave them
    keep     {group name: indices of the channels to keep}, in this order; a group that is not named stays whole
    masks    {name: booleans of the array's shape} or None; those of arrays that are cut are replaced in it
    optimizer   or None; what it remembers of parameters that are cut is cut with them, and training goes on as if the removed
             channels had never been there

    Errors: ValueError for an unknown group, indices out of range, given twice or none at all, groups of a model that has
    changed since, or an optimizer of another model or of other shapes; nothing has changed then.
    """
    groups = {group.name: group for group in groups}
    per_name("shrink_to", keep, groups)
    tensors = dict([*model.named_parameters(), *model.named_buffers()])
    keep = {name: _checked(groups[name], indices, tensors) for name, indices in keep.items()}
    averages = _averages(optimizer, tensors)
    for group_name, kept in keep.items():
        for name, axis, repeat in groups[group_name].members:
            indices = (kept[:, None] * repeat + np.arange(repeat)).reshape(-1)
            tensors[name].data = np.take(tensors[name].data, indices, axis)
            tensors[name].grad = None
            state = averages.get(name, {})
            state |= {key: np.take(average, indices, axis) for key, average in state.items() if isinstance(average, np.ndarray)}
            if masks is not None and name in masks:
                masks[name] = np.take(masks[name], indices, axis)


def _averages(optimizer, tensors):
    """{parameter name: the optimizer's state of it}, as the optimizer's own dicts, so that changes in them count."""
    if optimizer is None:
        return {}
    states = {id(p): optimizer.state.setdefault(i, {}) for i, p in enumerate(optimizer.parameters())}
    found = {name: states[id(tensor)] for name, tensor in tensors.items() if id(tensor) in states}
    if not found:
        raise ValueError(f"shrink_to: the {type(optimizer).__name__} has none of the model's parameters")
    for name, state in found.items():
        for key, average in state.items():
            if isinstance(average, np.ndarray) and average.shape != tensors[name].shape:
                raise ValueError(f"shrink_to: the optimizer's {key} of {name} has shape {average.shape}, the parameter "
                                 f"{tensors[name].shape}: make a new optimizer")
    return found


def _checked(group, indices, tensors):
    """The indices as an int64 array, after a check.   ValueError, as `shrink_to` says."""
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu" or indices.ndim != 1 or not indices.size:
        raise ValueError(f"shrink_to: {group.name} needs a list of at least one index, got {indices.tolist()}")
    if indices.min() < 0 or indices.max() >= group.size or len(np.unique(indices)) < len(indices):
        raise ValueError(f"shrink_to: {group.name} has the channels 0 to {group.size - 1}, each to be kept at most once, "
                         f"got {indices.tolist()}")
    for name, axis, repeat in group.members:
        shape = tensors[name].shape if name in tensors else None
        if shape is None or shape[axis] != group.size * repeat:
            raise ValueError(f"shrink_to: group {group.name} has {group.size} channels, {repeat} on axis {axis} of {name} for "
                             f"each, but its shape is {shape}: find the groups again after a change of the model")
    return indices.astype(np.int64)
