"""Dependency groups: which slices of which arrays have to be removed together.

A filter cannot be taken out alone. Take a model for 4×4 images,

    conv1 (8 filters) → bn1 → relu → max_pool (2×2 left) → flatten (8·2·2 = 32 features) → fc (10 neurons)

Without filter 5 of conv1, its output has 7 channels, so bn1 must have 7 as well, and fc 28 inputs. Flatten has laid the four
pixels of channel 5 at the features 20 … 23. The channels of conv1 are a group with these members:

    array                                   axis  repeat    of channel 5
    conv1.weight, conv1.bias                0     1         5
    bn1.weight, bias, running_mean, _var    0     1         5
    fc.weight                               1     4         20, 21, 22, 23

`repeat` r says that channel c owns the indices c·r … c·r + r − 1 of this axis. The groups are found by walking the model's
graph, in `nnlite.inference.groups`.
"""

from nnlite.inference.groups import Group, Member, dependency_groups

__all__ = ["Group", "Member", "dependency_groups"]
