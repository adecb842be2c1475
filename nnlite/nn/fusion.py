"""Which neighbouring layers of a Sequential are computed in one pass, and how.

A Conv2d or Linear is fused with the ReLU that follows it, and a Conv2d with a 2×2 MaxPool2d, before or after the ReLU. The
results are the same, bit for bit. Inside `trace`, or if one of the layers has a hook, nothing is fused, because somebody looks
at what lies between.
"""

from nnlite.functional.fused import conv2d_relu_pool, linear_relu
from nnlite.nn.convolution import Conv2d
from nnlite.nn.linear import Linear
from nnlite.nn.stateless import MaxPool2d, ReLU
from nnlite.tensor import is_tracing


def in_one_pass(layers):
    """The layers in groups, one for each pass: [[Conv2d, ReLU, MaxPool2d], [Flatten], [Linear, ReLU], …]."""
    groups = []
    for layer in layers:
        if groups and _joins(groups[-1], layer):
            groups[-1].append(layer)
        else:
            groups.append([layer])
    return groups


def _joins(group, layer):
    """Whether a layer can be computed in the pass of the group before it."""
    first, kinds = group[0], [type(other) for other in group]
    if kinds[0] not in (Conv2d, Linear) or type(layer) not in (ReLU, MaxPool2d) or type(layer) in kinds:
        return False
    if is_tracing() or "forward_hooks" in vars(first) or "forward_hooks" in vars(layer):
        return False
    return type(layer) is ReLU or kinds[0] is Conv2d and layer.is_2x2()


def run_in_one_pass(group, x):
    """The layers of a group applied to x one after the other."""
    first, followers = group[0], [type(layer) for layer in group[1:]]
    if not followers:
        return first(x)
    if type(first) is Linear:
        return linear_relu(x, first.weight, first.bias)
    return conv2d_relu_pool(x, first.weight, first.bias, first.stride, first.padding, first.dilation, first.groups,
                            relu=ReLU in followers, pool=MaxPool2d in followers)
