"""What the tests ask of your code: they send arrays and names, and get arrays back.

The library finds the groups of a network by itself. Here they are written down, and a model is a few named arrays.
"""

from typing import NamedTuple

import numpy as np

from nncompress.pruning import groups

groups.dependency_groups = None  # not in this handout

from nncompress.pruning import scores, structured  # noqa: E402
from nncompress.pruning.criteria.magnitude import magnitude_scores  # noqa: E402
from nncompress.pruning.schedule import agp_sparsity  # noqa: E402, F401  the tests call it

CRITERIA = {"magnitude": magnitude_scores, "squares": lambda w, evidence: np.square(w),
            "evidence": lambda w, evidence: evidence * np.ones_like(w), "too small": lambda w, evidence: w[:, 0]}
NAMES = ("fc1", "fc2", "fc3")


class Member(NamedTuple):
    name: str
    axis: int
    repeat: int


class Group(NamedTuple):
    name: str
    size: int
    members: tuple


class Array:
    """A parameter or a buffer."""

    def __init__(self, data):
        self.data, self.grad = data, np.ones_like(data)

    @property
    def shape(self):
        return self.data.shape


class Model:
    """Named arrays; those with `running` in their name are buffers."""

    def __init__(self, arrays):
        self.arrays = {name: Array(np.array(array)) for name, array in arrays}

    def named_parameters(self):
        return [(name, array) for name, array in self.arrays.items() if "running" not in name]

    def named_buffers(self):
        return [(name, array) for name, array in self.arrays.items() if "running" in name]


def group(name, size, members):
    return Group(name, size, tuple(Member(*member) for member in members))


def remove_lowest(values, count):
    return scores.remove_lowest(values, count, "layer")


def keep_highest(values, sparsity):
    return scores.keep_highest(values, sparsity)


def keep_highest_in_rows(values, sparsity):
    return scores.keep_highest_in_rows(values, sparsity)


def masks_from_scores(layers, sparsity, scope="layer"):
    """The masks of fc1, fc2, … as a tuple; with a tuple of sparsities, None leaves its layer out."""
    if isinstance(sparsity, tuple):
        sparsity = {name: s for name, s in zip(NAMES, sparsity, strict=False) if s is not None}
    masks = scores.masks_from_scores(dict(zip(NAMES, layers, strict=False)), sparsity, scope)
    return tuple(masks.get(name) for name in NAMES[: len(layers)])


def masks_of_an_unknown_layer(values):
    return scores.masks_from_scores({"fc1": values}, {"fc9": 0.5})


def group_scores(members, size, arrays, criterion=None, evidence=None):
    """arrays, evidence: tuples of (name, array)"""
    which = group("g", size, members)
    if criterion is None:
        return structured.group_scores(which, dict(arrays))
    return structured.group_scores(which, dict(arrays), CRITERIA[criterion], dict(evidence) if evidence else None)


def shrink_to(arrays, which, keep, masks=None):
    """arrays, masks: tuples of (name, array); which: tuples of (name, size, members); keep: tuples of (name, indices)
    -> the arrays afterwards, which of them have a gradient, the masks.
    """
    model, masks = Model(arrays), None if masks is None else dict(masks)
    structured.shrink_to(model, [group(*g) for g in which], dict(keep), masks)
    return (tuple(a.data for a in model.arrays.values()), tuple(a.grad is not None for a in model.arrays.values()),
            None if masks is None else tuple(masks.values()))


def refused_and_unchanged(arrays, which, keep):
    """Whether shrink_to raises a ValueError and leaves every array as it was."""
    model = Model(arrays)
    try:
        structured.shrink_to(model, [group(*g) for g in which], dict(keep))
    except ValueError:
        return all(np.array_equal(model.arrays[name].data, array) for name, array in arrays)
    return False
