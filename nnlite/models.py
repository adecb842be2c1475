"""The models of the two articles and of the papers, as functions that build them.

Each returns an `nn.Sequential` that takes images (N, C, H, W), float32, and gives logits (N, classes). The options that several
of them have:

    in_features, in_channels, classes   whole numbers from 1 up; in_features is C·H·W
    image_size    H = W of the images, or (H, W)
    width         multiplier of the numbers of filters and neurons, rounded, at least 1 each (Howard et al. 2017, arXiv
                  1704.04861 §3.3)
    seed          whole number from 0 up: the same call gives the same weights, bit for bit

The model keeps the function's name and arguments as `architecture`, {"name": …, "arguments": {…}}. A checkpoint stores it, so
that `nnlite.load` can build the model again.
Errors: ValueError for an option that is not such a number, with its name, and for images that are too small.
"""

import functools
import inspect
import math
from numbers import Integral

import numpy as np

from nnlite import nn
from nnlite.nn import init

SIZES = ("in_features", "in_channels", "classes", "depth")


def _remembers_its_arguments(build):
    """Check the arguments of a call, and keep them on the model that it returns."""

    @functools.wraps(build)
    def wrapped(*args, **kwargs):
        bound = inspect.signature(build).bind(*args, **kwargs)
        bound.apply_defaults()
        _check_arguments(build.__name__, bound.arguments)
        model = build(*args, **kwargs)
        arguments = {name: list(value) if isinstance(value, tuple) else value for name, value in bound.arguments.items()}
        model.architecture = {"name": build.__name__, "arguments": arguments}  # a tuple would come back from JSON as a list
        return model

    return wrapped


def _check_arguments(name, arguments):
    init.check_sizes(name, **{size: arguments[size] for size in SIZES if size in arguments})
    if "image_size" in arguments:
        _height_and_width(name, arguments["image_size"])
    width, seed = arguments["width"], arguments["seed"]
    if not 0 < width < math.inf:
        raise ValueError(f"{name}: width, the multiplier of the layers' sizes, has to be finite and above 0, got {width}")
    if not isinstance(seed, Integral) or seed < 0:
        raise ValueError(f"{name}: seed has to be a whole number from 0 up, got {seed}")


def _height_and_width(name, image_size):
    """(H, W) of an image_size.   Errors: ValueError unless it is a whole number from 1 up, or two."""
    sizes = tuple(image_size) if np.iterable(image_size) else (image_size, image_size)
    if len(sizes) != 2 or not all(isinstance(size, Integral) and size >= 1 for size in sizes):
        raise ValueError(f"{name}: image_size has to be a whole number from 1 up, or two, (H, W), got {image_size}")
    return sizes


def _wide(size, width):
    return max(1, round(size * width))


@_remembers_its_arguments
def mlp(in_features=784, hidden=128, classes=10, width=1.0, seed=0, dropout=0.0):
    """The second article's network (B5): images flattened, in_features → hidden → classes, ReLU after each hidden layer.

    hidden: the number of neurons, or a list of them, one for each hidden layer.   dropout: the probability with which a hidden
    neuron is left out in training, 0 ≤ dropout < 1; the weights are the same with and without it.

    >>> mlp(hidden=(1200, 1200), dropout=0.5)
    Sequential(
      (flatten): Flatten(start_dim=1, end_dim=-1)
      (fc1): Linear(in_features=784, out_features=1200, bias=True)
      (relu1): ReLU()
      (dropout1): Dropout(p=0.5)
      (fc2): Linear(in_features=1200, out_features=1200, bias=True)
      (relu2): ReLU()
      (dropout2): Dropout(p=0.5)
      (fc3): Linear(in_features=1200, out_features=10, bias=True)
    )
    """
    hidden = list(hidden) if np.iterable(hidden) else [hidden]
    for size in hidden:
        init.check_sizes("mlp", hidden=size)
    return _fully_connected(in_features, hidden, classes, width, seed, dropout)


@_remembers_its_arguments
def lenet_300_100(in_features=784, classes=10, width=1.0, seed=0):
    """in_features → 300 → 100 → classes, fully connected, ReLU after each hidden layer.

    266,610 parameters on MNIST.   Source: Han et al. 2015 (arXiv 1506.02626), table 3.
    """
    return _fully_connected(in_features, [300, 100], classes, width, seed)


def _fully_connected(in_features, hidden, classes, width, seed, dropout=0.0):
    rng, model = np.random.default_rng(seed), nn.Sequential()
    model.flatten = nn.Flatten()
    for i, size in enumerate(hidden, 1):
        before, in_features = in_features, _wide(size, width)
        setattr(model, f"fc{i}", nn.Linear(before, in_features, rng=rng))
        setattr(model, f"relu{i}", nn.ReLU())
        if dropout:
            setattr(model, f"dropout{i}", nn.Dropout(dropout, rng=rng.spawn(1)[0]))  # which leaves rng's own draws as they are
    setattr(model, f"fc{len(hidden) + 1}", nn.Linear(in_features, classes, rng=rng))
    return model


@_remembers_its_arguments
def lenet_5(in_channels=1, image_size=28, classes=10, width=1.0, seed=0):
    """Caffe's LeNet: conv 20@5×5, 2×2 max-pool, conv 50@5×5, 2×2 max-pool, fc 500, ReLU, fc classes.

    image_size: H and W 16 and up. 431,080 parameters on MNIST.
    Source: `lenet.prototxt` in BVLC's Caffe, after LeCun et al. 1998.
    """
    rng = np.random.default_rng(seed)
    first, second, hidden = (_wide(size, width) for size in (20, 50, 500))
    H, W = _height_and_width("lenet_5", image_size)
    if min(H, W) < 16:
        raise ValueError(f"lenet_5: an image of {H}×{W} pixels is too small for two convolutions and poolings (16 and up)")
    model = nn.Sequential()
    model.conv1 = nn.Conv2d(in_channels, first, 5, rng=rng)
    model.pool1 = nn.MaxPool2d(2)
    model.conv2 = nn.Conv2d(first, second, 5, rng=rng)
    model.pool2 = nn.MaxPool2d(2)
    model.flatten = nn.Flatten()
    model.fc1 = nn.Linear(second * (((H - 4) // 2 - 4) // 2) * (((W - 4) // 2 - 4) // 2), hidden, rng=rng)
    model.relu1 = nn.ReLU()
    model.fc2 = nn.Linear(hidden, classes, rng=rng)
    return model


@_remembers_its_arguments
def cnn(in_channels=3, image_size=32, classes=10, width=1.0, seed=0):
    """The first article's network (A5): conv 16@3×3, conv 32@3×3, fc 128, fc classes.

    Both convolutions have padding 1; a ReLU and a 2×2 max-pooling follow each, a ReLU follows fc 128.   image_size: H and W 4
    and up.
    """
    H, W = _height_and_width("cnn", image_size)
    if min(H, W) < 4:
        raise ValueError(f"cnn: an image of {H}×{W} pixels is too small for two 2×2 poolings (4 and up)")
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
    model.fc1 = nn.Linear(second * (H // 4) * (W // 4), hidden, rng=rng)
    model.relu3 = nn.ReLU()
    model.fc2 = nn.Linear(hidden, classes, rng=rng)
    return model


@_remembers_its_arguments
def resnet(depth=8, in_channels=3, classes=10, width=1.0, seed=0):
    """The CIFAR ResNet with BatchNorm: three stages of n blocks with 16, 32 and 64 filters, the mean of each channel, fc.

    depth: 6n + 2, at least 8. A block is conv 3×3, BN, ReLU, conv 3×3, BN, plus the shortcut, then ReLU. The first convolution
    of stages 2 and 3 has stride 2; there, and where the number of filters changes, the shortcut is a 1×1 convolution with BN
    (option B), elsewhere the input itself. Images may have any size.
    Source: He et al. 2016 (arXiv 1512.03385), §4.2.
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
    """One block of `resnet`, from `before` to `channels` filters; without a shortcut layer where shapes stay the same."""
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
