"""Dependency groups: which slices of which arrays belong to the same channel.

Who removes a channel, or puts it in another place, has to do so in all of these arrays. Take a model for 4×4 images,

    conv1 (8 filters) → bn1 → relu → max_pool (2×2 left) → flatten (8·2·2 = 32 features) → fc (10 neurons)

Filter 5 of conv1 makes channel 5, which bn1 scales and fc reads. Flatten has laid its four pixels at the features 20 … 23. The
channels of conv1 are a group with these members:

    array                                   axis  repeat    of channel 5
    conv1.weight, conv1.bias                0     1         5
    bn1.weight, bias, running_mean, _var    0     1         5
    fc.weight                               1     4         20, 21, 22, 23

`repeat` r says that channel c owns the indices c·r … c·r + r − 1 of this axis.

The groups are found by walking the model's graph (`nnlite.trace`). Axis 0 of a convolution's or a linear layer's weight
*makes* a set of channels. What follows hands it on (relu, pooling, flatten), belongs to it (batch norm, a grouped
convolution, axis 1 of the next weight) or joins it with another: after x + y the sets of x and y are one, because channel c
of one is added to channel c of the other. The union-find of `_ChannelSets` keeps track. Everything else freezes the sets
that it touches, and they make no group: the input and the output of the model, concatenation, softmax, layer norm, indexing,
and any operation that is not known here. Only what the example runs through is seen: a branch that a model takes in training
only is not.

A convolution with G groups reads its input in G blocks of equal size. If one block had fewer channels than the others, the
weight would no longer be an array. So a block goes as a whole, with the outputs that are computed from it, and counts as one
channel: with 8 input channels and G = 4, filters 0 and 1 of the layer before are channel 0 of the group.
"""

import math
from typing import NamedTuple

import numpy as np

from nnlite import nn
from nnlite.inference.graph import Node, trace
from nnlite.nn.parametrize import check_plain

# Operations that work on each channel by itself and hand the channels on as they came.
_CHANNEL_BY_CHANNEL = {"ReLU", "LeakyReLU", "Sigmoid", "Tanh", "GELU", "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d",
                       "Negative", "Exp", "Log",
                       "Sqrt", "Absolute", "Clamp", "Power"}
_ARITHMETIC = {"Add", "Subtract", "Multiply", "Divide"}
_FROZEN = "frozen"


class Member(NamedTuple):
    """An axis of a parameter or buffer; channel c owns its indices c·repeat … c·repeat + repeat − 1."""

    name: str
    axis: int
    repeat: int


class Group(NamedTuple):
    """Channels 0 … size − 1 and all that belongs to them. `name` is that of the first layer which makes them."""

    name: str
    size: int
    members: tuple


def dependency_groups(model, example):
    """The groups of channels that structured pruning can shrink and Git Re-Basin can permute, in the order of execution.

        size = gcd(lengths of the members' axes, G of the grouped convolutions),   repeat = length of the axis / size

    example: array (N, …) as the model takes it -> list of Group.
    Errors: ValueError for a computed parameter (`nnlite.nn.parametrize`), which cannot be changed by its name.
    Source: Fang et al. 2023 (arXiv 2301.12900), §3, for groups of dependent layers; the sizes are this project's.

    >>> from nnlite import models
    >>> for group in dependency_groups(models.lenet_5(), np.zeros((1, 1, 28, 28), np.float32)):
    ...     print(group.name, group.size, *(tuple(member) for member in group.members))
    conv1 20 ('conv1.weight', 0, 1) ('conv1.bias', 0, 1) ('conv2.weight', 1, 1)
    conv2 50 ('conv2.weight', 0, 1) ('conv2.bias', 0, 1) ('fc1.weight', 1, 16)
    fc1 500 ('fc1.weight', 0, 1) ('fc1.bias', 0, 1) ('fc2.weight', 1, 1)
    """
    for prefix, module in model.named_modules():
        check_plain("dependency_groups", prefix, module)
    graph = trace(model, example)
    shapes = {name: tensor.shape for name, tensor in [*model.named_parameters(), *model.named_buffers()]}
    grouped = {f"{prefix}.weight" if prefix else "weight" for prefix, module in model.named_modules()
               if isinstance(module, nn.Conv2d) and module.groups > 1}
    sets = _ChannelSets(shapes)
    channels = {}  # Node -> the slot of axis 1 of its output
    for node in graph.nodes:
        channels[node] = _output_channels(node, channels, sets, grouped)
    sets.join(channels[graph.output], _FROZEN)
    return sets.groups()


class _ChannelSets:
    """Union-find. Its slots are axes of arrays, (name, axis), and _FROZEN; joined slots are one set of channels."""

    def __init__(self, shapes):
        self.shapes = shapes
        self.parent = {_FROZEN: _FROZEN}
        self.count = {_FROZEN: 0}  # of the slot that stands for a set: its number of channels; gcd(n, 0) = n
        self.made_by = {}  # (name, 0) -> the Node that makes these channels

    def find(self, slot):
        """The slot that stands for the whole set."""
        while self.parent[slot] != slot:
            slot = self.parent[slot]
        return slot

    def join(self, slot, other):
        slot, other = self.find(slot), self.find(other)
        self.parent[slot] = other
        self.count[other] = math.gcd(self.count[slot], self.count[other])

    def attach(self, name, axis, slot):
        """Let an axis belong to a set. One seen before, of a layer that is used twice, joins its sets."""
        own = (name, axis)
        if own not in self.parent:
            self.parent[own], self.count[own] = own, self.shapes[name][axis]
        self.join(own, slot)

    def split(self, slot, groups):
        """Let channels go by whole groups of a grouped convolution only."""
        slot = self.find(slot)
        self.count[slot] = math.gcd(self.count[slot], groups)

    def make(self, name, node):
        """A new set: the channels that axis 0 of a weight makes."""
        own = (name, 0)
        self.made_by.setdefault(own, node)
        if own not in self.parent:
            self.parent[own], self.count[own] = own, self.shapes[name][0]
        return own

    def groups(self):
        """The sets that are not frozen, as Groups."""
        sets = {}
        for own in list(self.parent)[1:]:
            sets.setdefault(self.find(own), []).append(own)
        sets.pop(self.find(_FROZEN), None)
        found = []
        for root, slots in sets.items():
            count = self.count[root]  # a set is made before anything reads it: slots[0] made this one
            members = tuple(Member(name, axis, self.shapes[name][axis] // count) for name, axis in slots)
            found.append(Group(self.made_by[slots[0]].name, count, members))
        return found


def _output_channels(node, channels, sets, grouped):
    """The slot of a node's output, after its own arrays were attached to the sets of its inputs."""
    kind, x = node.kind, node.arguments.get("x")
    if kind in _ARITHMETIC:
        return _arithmetic(node, channels, sets) or _freeze(node, channels, sets)

    others = [value for letter, value in node.arguments.items() if letter != "x"]
    if not isinstance(x, Node) or not all(value is None or isinstance(value, str) for value in others):
        return _freeze(node, channels, sets)

    if kind in _CHANNEL_BY_CHANNEL:
        return channels[x]

    if kind == "Flatten" and node.op.start_dim == 1 or kind == "Reshape" and _is_flatten(node, x):
        return channels[x]

    if kind == "BatchNorm":
        return _attach_all(node, channels[x], sets)

    if kind == "Linear" and len(x.shape) == 2 or kind == "Conv2d" and node.op.groups == 1:
        w, b = node.arguments["w"], node.arguments.get("b")
        sets.attach(w, 1, channels[x])
        made = sets.make(w, node)
        if b is not None:
            sets.attach(b, 0, made)
        return made

    if kind == "Conv2d" and node.arguments["w"] in grouped:
        sets.split(channels[x], node.op.groups)
        return _attach_all(node, channels[x], sets)

    return _freeze(node, channels, sets)


def _arithmetic(node, channels, sets):
    """x and y with as many channels: one set. With a number: the channels as they are."""
    x, y = node.arguments.values()
    if isinstance(x, Node) and isinstance(y, Node):
        if len(x.shape) != len(y.shape) or x.shape[1:2] != y.shape[1:2]:
            return None
        sets.join(channels[x], channels[y])
        return channels[x]
    number = y if isinstance(x, Node) else x
    return channels[node.inputs[0]] if isinstance(number, np.ndarray) and number.ndim == 0 else None


def _is_flatten(node, x):
    """x.reshape(N, -1). With the number of features written out it would no longer fit the smaller x."""
    return len(node.op.shape) == 2 and node.op.shape[1] == -1 and node.shape[0] == x.shape[0]


def _attach_all(node, made, sets):
    for name in node.parameters.values():
        sets.attach(name, 0, made)
    return made


def _freeze(node, channels, sets):
    """Nothing may be removed from what this node reads."""
    for x in node.inputs:
        sets.join(channels[x], _FROZEN)
    for name in node.parameters.values():
        for axis in range(len(sets.shapes[name])):
            sets.attach(name, axis, _FROZEN)
    return _FROZEN
