"""Git Re-Basin: put a model's neurons into another order, so that they match those of a second model.

A network computes the same after its hidden neurons have changed places, if the weights that read them change places, too:

    fc1.weight[p], fc1.bias[p], fc2.weight[:, p]

Two trainings end with the neurons in different orders, so the mean of both weights would mix unlike neurons. So the neurons of
one model are put into the order of the other first:

    moved = align(fixed, moving, images[:1])             # computes what `moving` computes
    mean = average_weights([fixed, moved], loader=training)

The channels that have to move together are the groups of `nnlite.inference.groups`, found through the graph. A permutation p
says for each new place which old channel comes there: new channel c = old channel p[c].
Source: Ainsworth, Hayase & Srinivasa 2023 (arXiv 2209.04836), §3.2, algorithm 1.
"""

import copy

import numpy as np

from nnlite.inference.groups import dependency_groups
from nntransfer.fusion.alike import check_alike
from nntransfer.fusion.assignment import best_assignment

SMALLEST_GAIN = 1e-9  # relative to Σ |w w'|; below, it is rounding


def align(fixed, moving, example, seed=0):
    """A copy of `moving`, its channels in the order that fits `fixed` best: `match_weights`, then `permute_channels`.

    fixed, moving, example, seed, and errors: as for `match_weights`.
    """
    return permute_channels(moving, example, match_weights(fixed, moving, example, seed))


def permute_channels(model, example, permutations):
    """A copy of a model with channels in other places; it computes the same.

        new array[…, c·r + i, …] = old array[…, p[c]·r + i, …]        along each axis that belongs to the group, 0 ≤ i < r

    permutations: {name of a group: p, each number of 0 … size − 1 once}; other groups stay. The names are those of
    `dependency_groups(model, example)`.   example: array (N, …) as the model takes it.
    The sums of the copy have their terms in another order, so its results differ by rounding.
    Errors: ValueError for a name that is not the name of a group, and for a p that is not a permutation.
    """
    groups = {group.name: group for group in dependency_groups(model, example)}
    for name, p in permutations.items():
        if name not in groups:
            raise ValueError(f"permute_channels: there is no group {name!r}, only: {', '.join(groups) or 'none'}")
        if not np.array_equal(np.sort(p), np.arange(groups[name].size)):
            raise ValueError(f"permute_channels: {name} has {groups[name].size} channels, expected each of 0 … "
                             f"{groups[name].size - 1} once")
    moved = copy.deepcopy(model)
    for name, tensor in (*moved.named_parameters(), *moved.named_buffers()):
        tensor.data, tensor.grad = np.ascontiguousarray(_permuted(name, tensor.data, groups.values(), permutations)), None
    return moved


def match_weights(fixed, moving, example, seed=0):
    """The permutations of `moving` under which its weights are nearest to those of `fixed`: {name of a group: p}.

        P = argmax_P Σ_arrays ⟨W_fixed, P(W_moving)⟩ = argmin_P Σ_arrays |W_fixed − P(W_moving)|²

    For all groups at once this is a hard problem. If the other groups stay as they are, the best p of one group is the solution
    of an assignment problem. Its gain[i, j] is the inner product of all numbers that belong to channel i of `fixed` with those
    that belong to channel j of `moving`. The groups take turns, each time in another random order, until no group gains. The
    search begins with the channels as they are, and ends in a local optimum.
    If a group has two axes of one array (a layer that reads and writes a residual stream), its problem is quadratic. Then the
    other axis stays as it is while the problem is solved, and the new p is taken only if the sum really grows.
    Weights and biases count, and so do BatchNorm's scale and shift; running statistics do not. All sums are in float64.

    fixed, moving: Modules of one architecture.   example: array (N, …) as they take it.   seed: of the random order.
    Errors: TypeError and ValueError for models that are not alike, with the first difference.
    Source: Ainsworth, Hayase & Srinivasa 2023 (arXiv 2209.04836), §3.2, eq. 2 and algorithm 1.
    """
    check_alike("match_weights", [fixed, moving])
    groups = dependency_groups(fixed, example)
    A, B = ({name: tensor.data.astype(np.float64) for name, tensor in model.named_parameters()} for model in (fixed, moving))
    permutations = {group.name: np.arange(group.size) for group in groups}
    rng, moved = np.random.default_rng(seed), True
    while moved:
        moved = False
        for g in rng.permutation(len(groups)):
            p = _improved(groups[g], A, B, groups, permutations)
            if p is not None:
                permutations[groups[g].name], moved = p, True
    return permutations


def _improved(group, A, B, groups, permutations):
    """A better p of one group, while the other groups stay as they are; None if there is none."""
    names, old = {member.name for member in group.members} & A.keys(), permutations[group.name]
    others = [other for other in groups if other is not group]
    B = {name: _permuted(name, B[name], others, permutations) for name in names}
    p = best_assignment(_gains(group, A, B, old))
    gain = size = 0.0
    for name in names:
        before, after = (_permuted(name, B[name], [group], {group.name: order}) for order in (old, p))
        gain += (A[name] * (after - before)).sum()
        size += np.abs(A[name] * before).sum()
    return p if gain > SMALLEST_GAIN * size else None


def _gains(group, A, B, p):
    """gain[i, j] = Σ over the members of ⟨what belongs to channel i of A, what belongs to channel j of B⟩ (size, size)."""
    gains = np.zeros((group.size, group.size))
    for name, axis, _ in group.members:
        if name in A:
            b = B[name]
            for member in group.members:
                if member.name == name and member.axis != axis:
                    b = _taken(b, member, p)  # the other axis of the same array is held still
            gains += _by_channel(A[name], axis, group.size) @ _by_channel(b, axis, group.size).T
    return gains


def _by_channel(array, axis, size):
    """One row for each channel: (size, all that belongs to it)."""
    return np.moveaxis(array, axis, 0).reshape(size, -1)


def _permuted(name, array, groups, permutations):
    """An array along each of its axes that belongs to one of the groups."""
    for group in groups:
        for member in group.members:
            if member.name == name and group.name in permutations:
                array = _taken(array, member, permutations[group.name])
    return array


def _taken(array, member, p):
    """Channel c owns the indices c·r … c·r + r − 1 of the axis."""
    r = member.repeat
    return np.take(array, (np.asarray(p)[:, None] * r + np.arange(r)).ravel(), member.axis)
