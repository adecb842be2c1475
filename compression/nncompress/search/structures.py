"""Filters and neurons in a training that prunes: their worth, and how a model without some of them becomes smaller."""

import numpy as np

from nncompress.pruning.groups import dependency_groups
from nncompress.pruning.structured import shrink_to
from nnlite.inference.graph import Node, trace


def channel_worth(group, importance):
    """How much each channel of a group matters: the importance of the weights that make it, times that of those that read it.

        worth_c = (Σ importance of the weights that make channel c) · (Σ importance of the weights that read it)

    A channel needs both: a filter that no layer reads is worth 0, and so is a filter without weights. If the group has no
    weights on one side, that factor is 1.

    importance: {name: array of the weight's shape, at least 0}, such as t² h, or the weight's mask. -> (group.size,)
    Source: this project's.
    """
    made, read = [], []
    for name, axis, repeat in group.members:
        if name in importance and importance[name].ndim > 1:
            others = tuple(k for k in range(importance[name].ndim) if k != axis)
            sums = importance[name].sum(axis=others, dtype=np.float64)
            (read if axis else made).append(sums.reshape(group.size, repeat).sum(axis=1))
    return (sum(made) if made else 1.0) * (sum(read) if read else 1.0) * np.ones(group.size)


def most_worth(worth, count):
    """The indices of the `count` channels of the largest worth, in rising order; of equals the first. At least one stays."""
    return np.sort(np.argsort(-worth, kind="stable")[: max(1, count)])


def with_share(worth, share):
    """The indices of the fewest channels that together have `share` of the whole worth, in rising order.

    >>> with_share(np.array([1.0, 6.0, 0.0, 3.0]), 0.9).tolist()
    [1, 3]
    """
    falling = np.sort(worth)[::-1].cumsum()
    return most_worth(worth, int(np.searchsorted(falling, share * falling[-1] * (1 - 1e-12))) + 1)


def shrink_all(model, example, keep, followers):
    """Cut the model down to the channels to keep, and with it everything that has arrays of its shapes.

    keep: {group name: indices}.   followers: objects with cut(take), where take(name, array, axes=all) gives what stays of an
    array that is laid out like the parameter `name`.
    """
    groups = dependency_groups(model, example)
    shrink_to(model, groups, keep)
    indices = {}
    for group in groups:
        if group.name in keep:
            for name, axis, repeat in group.members:
                indices.setdefault(name, {})[axis] = (keep[group.name][:, None] * repeat + np.arange(repeat)).ravel()

    def take(name, array, axes=None):
        for axis, kept in indices.get(name, {}).items():
            if axes is None or axis in axes:
                array = np.take(array, kept, axis)
        return array

    for follower in followers:
        follower.cut(take)


def weight_maps(model, example):
    """{name of a weight: (C, H, W)}: the maps in which the inputs of each output lie; (C, 1, 1) if they lie in none.

    A convolution has its kernel as a map; a linear layer that reads flattened images has the images.
    """
    shapes, maps = {name: p.shape for name, p in model.named_parameters()}, {}
    for node in trace(model, example).nodes:
        name = node.arguments.get("w")
        if node.kind == "Conv2d" and isinstance(name, str):
            maps[name] = shapes[name][1:]
        elif node.kind == "Linear" and isinstance(name, str):
            x = node.arguments["x"]
            before = x.arguments.get("x") if x.kind in ("Flatten", "Reshape") else None
            flat = isinstance(before, Node) and len(before.shape) == 4 and np.prod(before.shape[1:]) == shapes[name][1]
            maps[name] = before.shape[1:] if flat else (shapes[name][1], 1, 1)
    return maps
