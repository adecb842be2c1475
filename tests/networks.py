"""Random small networks: every layer and wiring that inference knows, with numbers that make it hard."""

import dataclasses

import numpy as np

from nncompress import quantize
from nncompress.int8.plan import LAWS
from nnlite import functional as F
from nnlite import nn


class Model(nn.Module):
    """A module from a function: Model(lambda m, x: F.relu(m.conv(x)), conv=nn.Conv2d(3, 4, 3))."""

    def __init__(self, function, **parts):
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def fork(model, x):
    """relu(h) + h: a ReLU whose input somebody else reads too."""
    h = model.layer(x)
    return F.relu(h) + h


def random_network(seed, batch_norm=True):
    """A model and float32 images (N, C, H, W), or (N, C), that it takes; the same seed gives the same bits."""
    rng = np.random.default_rng(seed)
    images = random_images(rng)
    model = nn.Sequential()
    for _ in range(rng.integers(0, 5) if images.ndim == 4 else 0):
        append(model, image_layers(rng, model(images).shape, batch_norm))
    if images.ndim == 4 and rng.random() < 0.8:
        append(model, [nn.Flatten()])
    for _ in range(rng.integers(1, 3) if model(images).ndim == 2 else 0):
        append(model, linear(rng, model(images).shape[1], batch_norm))
    if len(model) == 0:
        append(model, [nn.ReLU()])
    make_uneven(model, rng)
    return model, images


def append(model, layers):
    """Add layers to a Sequential, which stays in inference mode."""
    for layer in layers:
        setattr(model, str(len(model)), layer)
    model.eval()


def random_images(rng):
    """A batch of 3: some networks see small or large numbers, positive ones only, or the same number everywhere."""
    shape = (3, *rng.integers(1, 10, 3)) if rng.random() < 0.9 else (3, rng.integers(1, 20))
    images = rng.standard_normal(shape) * 10.0 ** rng.uniform(-2, 2)
    kind = rng.integers(6)
    if kind == 0:
        images = np.abs(images)
    elif kind == 1:
        images = np.full(shape, images.flat[0])
    return images.astype(np.float32)


def image_layers(rng, shape, batch_norm):
    """One of the building blocks for images of `shape`."""
    choice = rng.choice(["conv", "pool", "relu", "forked", "residual"], p=[0.35, 0.3, 0.05, 0.1, 0.2])
    if choice == "conv":
        return conv(rng, shape, batch_norm)
    if choice == "pool":
        return pool(rng, shape)
    if choice == "relu":
        return [nn.ReLU()]
    if choice == "forked":
        return [Model(fork, layer=nn.Sequential(*same_size(rng, shape[1], batch_norm)).eval())]
    shortcut = nn.Sequential(*same_size(rng, shape[1], batch_norm)).eval() if rng.random() < 0.5 else None
    block = [*same_size(rng, shape[1], batch_norm), nn.ReLU(), *same_size(rng, shape[1], batch_norm)]
    return [nn.Residual(nn.Sequential(*block).eval(), shortcut)]


def conv(rng, shape, batch_norm):
    """Any kernel, stride, padding, dilation and groups that fit (depthwise among them); then BatchNorm and ReLU, or not."""
    _, C, H, W = shape
    padding = rng.integers(0, 3, 2)
    kernel = [int(rng.integers(1, min(4, n + 2 * p + 1))) for n, p in zip((H, W), padding, strict=True)]
    dilation = [2 if 2 * (k - 1) < n + 2 * p and rng.random() < 0.5 else 1
                for k, n, p in zip(kernel, (H, W), padding, strict=True)]
    groups = int(rng.choice([g for g in range(1, C + 1) if C % g == 0]))
    O = groups * int(rng.integers(1, 20 if groups == 1 else 4))
    layers = [nn.Conv2d(C, O, kernel, rng.integers(1, 3, 2), padding, dilation, groups, rng.random() < 0.7, rng=rng)]
    if rng.random() < 0.5:
        layers.append(nn.ReLU())
    if batch_norm and rng.random() < 0.5:
        layers.insert(rng.integers(1, len(layers) + 1), nn.BatchNorm2d(O))  # before the ReLU, or after it
    return layers


def same_size(rng, C, batch_norm):
    """A convolution that keeps the shape; then BatchNorm, or not."""
    k = int(rng.choice([1, 3]))
    layers = [nn.Conv2d(C, C, k, padding=k // 2, groups=int(rng.choice([1, C])), rng=rng)]
    return layers + ([nn.BatchNorm2d(C)] if batch_norm and rng.random() < 0.5 else [])


def pool(rng, shape):
    """Maximum or mean over windows that may hang over the edge."""
    kernel = [int(rng.integers(1, min(4, n + 1))) for n in shape[2:]]
    padding = [int(rng.integers(0, k // 2 + 1)) for k in kernel]
    kind = nn.MaxPool2d if rng.random() < 0.5 else nn.AvgPool2d
    return [kind(kernel, rng.integers(1, 3, 2), padding)]


def linear(rng, I, batch_norm):
    """A linear layer; then BatchNorm, or not; then ReLU, or not."""
    O = int(rng.integers(1, 40))
    layers = [nn.Linear(I, O, bias=rng.random() < 0.7, rng=rng)]
    layers += [nn.BatchNorm1d(O)] if batch_norm and rng.random() < 0.5 else []
    return layers + ([nn.ReLU()] if rng.random() < 0.5 else [])


def make_uneven(model, rng):
    """Channels of very different sizes, some all zero, some that a ReLU never lets through, some with a huge bias."""
    for _, module in model.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            O = len(module.weight)
            scale = 10.0 ** rng.uniform(-2, 2, O) * (rng.random(O) > 0.2)
            module.weight.data *= scale.reshape(-1, *[1] * (module.weight.ndim - 1)).astype(np.float32)
            if module.bias is not None:
                module.bias.data *= rng.choice([0, 1, 1, 1, 1e3, -1e4], O).astype(np.float32)
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            C = module.num_features
            module.weight.data = (rng.standard_normal(C) * rng.choice([0, 1, 1, 1], C)).astype(np.float32)
            module.bias.data = rng.standard_normal(C).astype(np.float32)
            module.running_mean.data = rng.standard_normal(C).astype(np.float32)
            module.running_var.data = (10.0 ** rng.uniform(-3, 3, C)).astype(np.float32)


def random_plan(seed):
    """The int8 plan of a random network with some share of its weights pruned, and images for it; bits and laws take turns."""
    rng = np.random.default_rng(seed)
    model, images = random_network(seed)
    kept = rng.choice([1.0, 0.5, 0.05])
    for _, parameter in model.named_parameters():
        if parameter.ndim > 1:
            parameter.data *= rng.random(parameter.shape) < kept
    return quantize(model, images, bits=2 + seed % 7, law=LAWS[seed // 7 % 2]), images


def assert_same_plan(a, b):
    """All numbers of two plans are equal, bit for bit."""
    assert (len(a.steps), a.law) == (len(b.steps), b.law)
    for one, two in zip(a.steps, b.steps, strict=True):
        assert (one.kind, one.name, one.inputs, one.shape, one.S, one.Z, one.options, one.relu, one.bits) == (
            two.kind, two.name, two.inputs, two.shape, two.S, two.Z, two.options, two.relu, two.bits)
        for x, y in (one.w, two.w), (one.b, two.b), (one.w_scale, two.w_scale):
            assert (x is None) == (y is None)
            if x is not None:
                assert x.dtype == y.dtype
                np.testing.assert_array_equal(x, y)


def assert_same_plan_but_for_the_last_scale(one, two):
    """All numbers are equal, except S and Z of logits, which mean nothing and are not stored."""
    if two.ends_in_sums:
        two = type(two)([*two.steps[:-1], dataclasses.replace(two.steps[-1], S=np.float32(1), Z=0)], two.law)
    assert_same_plan(one, two)
