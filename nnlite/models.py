"""The models of the two articles and of the papers, as functions that build them.

Each takes `width`, a multiplier of the number of filters and neurons (Howard et al. 2017, arXiv 1704.04861 §3.3; at least
1 each), and `seed`, so that the same call gives the same weights, bit for bit. What was asked for is kept on the model as
`architecture`, so that a checkpoint can build it again.
"""

import functools
import inspect

import numpy as np

from nnlite import nn


def _remembers_its_arguments(build):
    """Put {"name": …, "arguments": {…}} of the call on the model that it returns."""

    @functools.wraps(build)
    def wrapped(*args, **kwargs):
        bound = inspect.signature(build).bind(*args, **kwargs)
        bound.apply_defaults()
        model = build(*args, **kwargs)
        model.architecture = {"name": build.__name__, "arguments": dict(bound.arguments)}
        return model

    return wrapped


def _wide(size, width):
    if not width > 0:
        raise ValueError(f"width: the multiplier of the layers' sizes has to be above 0, got {width}")
    return max(1, round(size * width))


@_remembers_its_arguments
def mlp(in_features=784, hidden=128, classes=10, width=1.0, seed=0):
    """The second article's network (B5): images flattened, in_features → hidden → classes, ReLU between."""
    rng, hidden = np.random.default_rng(seed), _wide(hidden, width)
    model = nn.Sequential()
    model.flatten = nn.Flatten()
    model.fc1 = nn.Linear(in_features, hidden, rng=rng)
    model.relu1 = nn.ReLU()
    model.fc2 = nn.Linear(hidden, classes, rng=rng)
    return model


@_remembers_its_arguments
def lenet_300_100(in_features=784, classes=10, width=1.0, seed=0):
    """in_features → 300 → 100 → classes, fully connected, ReLU (Han et al. 2015, arXiv 1506.02626, table 3)."""
    rng, first, second = np.random.default_rng(seed), _wide(300, width), _wide(100, width)
    model = nn.Sequential()
    model.flatten = nn.Flatten()
    model.fc1 = nn.Linear(in_features, first, rng=rng)
    model.relu1 = nn.ReLU()
    model.fc2 = nn.Linear(first, second, rng=rng)
    model.relu2 = nn.ReLU()
    model.fc3 = nn.Linear(second, classes, rng=rng)
    return model


@_remembers_its_arguments
def lenet_5(in_channels=1, image_size=28, classes=10, width=1.0, seed=0):
    """Caffe's LeNet: conv 20@5×5, pool, conv 50@5×5, pool, fc 500, ReLU, fc classes; 431,080 parameters on MNIST."""
    rng = np.random.default_rng(seed)
    first, second, hidden = (_wide(size, width) for size in (20, 50, 500))
    side = ((image_size - 4) // 2 - 4) // 2
    if side < 1:
        raise ValueError(f"lenet_5: an image of {image_size} pixels is too small for two convolutions and poolings (16 and up)")
    model = nn.Sequential()
    model.conv1 = nn.Conv2d(in_channels, first, 5, rng=rng)
    model.pool1 = nn.MaxPool2d(2)
    model.conv2 = nn.Conv2d(first, second, 5, rng=rng)
    model.pool2 = nn.MaxPool2d(2)
    model.flatten = nn.Flatten()
    model.fc1 = nn.Linear(second * side * side, hidden, rng=rng)
    model.relu1 = nn.ReLU()
    model.fc2 = nn.Linear(hidden, classes, rng=rng)
    return model


@_remembers_its_arguments
def cnn(in_channels=3, image_size=32, classes=10, width=1.0, seed=0):
    """The first article's network (A5): conv 3→16, conv 16→32 (3×3, padding 1), 2×2 max-pool after each, fc 128, fc classes."""
    if image_size < 4:
        raise ValueError(f"cnn: an image of {image_size} pixels is too small for two 2×2 poolings (4 and up)")
    rng = np.random.default_rng(seed)
    first, second, hidden = (_wide(size, width) for size in (16, 32, 128))
    model = nn.Sequential()
    model.conv1 = nn.Conv2d(in_channels, first, 3, padding=1, rng=rng)
    model.relu1 = nn.ReLU()
    model.pool1 = nn.MaxPool2d(2)
    model.conv2 = nn.Conv2d(first, second, 3, padding=1, rng=rng)
    model.relu2 = nn.ReLU()
    model.pool2 = nn.MaxPool2d(2)
    model.flatten = nn.Flatten()
    model.fc1 = nn.Linear(second * (image_size // 4) ** 2, hidden, rng=rng)
    model.relu3 = nn.ReLU()
    model.fc2 = nn.Linear(hidden, classes, rng=rng)
    return model


@_remembers_its_arguments
def resnet(depth=8, in_channels=3, classes=10, width=1.0, seed=0):
    """The CIFAR ResNet with BatchNorm: depth = 6n + 2, three stages of n blocks with 16, 32, 64 filters, global mean, fc.

    Where the size halves, the shortcut is a 1×1 convolution with stride 2 (option B).
    Source: He et al. 2016 (arXiv 1512.03385), §4.2.   For images of 28 or 32 pixels (and any size from 4 up).
    """
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(f"resnet: depth has to be 6n + 2 (8, 14, 20, …), got {depth}")
    rng, stages = np.random.default_rng(seed), [_wide(size, width) for size in (16, 32, 64)]
    model = nn.Sequential()
    model.conv1 = nn.Conv2d(in_channels, stages[0], 3, padding=1, bias=False, rng=rng)
    model.bn1 = nn.BatchNorm2d(stages[0])
    model.relu1 = nn.ReLU()
    before = stages[0]
    for stage, channels in enumerate(stages, 1):
        for block in range(1, (depth - 2) // 6 + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            setattr(model, f"block{stage}_{block}", _residual_block(before, channels, stride, rng))
            before = channels
    model.pool = nn.AdaptiveAvgPool2d(1)
    model.flatten = nn.Flatten()
    model.fc = nn.Linear(before, classes, rng=rng)
    return model


def _residual_block(before, channels, stride, rng):
    """conv 3×3, BN, ReLU, conv 3×3, BN, around which the shortcut goes."""
    block = nn.Sequential()
    block.conv1 = nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False, rng=rng)
    block.bn1 = nn.BatchNorm2d(channels)
    block.relu1 = nn.ReLU()
    block.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False, rng=rng)
    block.bn2 = nn.BatchNorm2d(channels)
    shortcut = None
    if stride != 1 or before != channels:
        shortcut = nn.Sequential()
        shortcut.conv = nn.Conv2d(before, channels, 1, stride=stride, bias=False, rng=rng)
        shortcut.bn = nn.BatchNorm2d(channels)
    return nn.Residual(block, shortcut)
