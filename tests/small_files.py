"""Small `.nnz` files of every form, and what their tests share."""

import functools
import zlib

import numpy as np

from nncompress import quantize
from nncompress.int8.plan import Int8Plan
from nncompress.int8.steps import Int8Step
from nncompress.nnz.file import to_bytes
from nncompress.quantization.fake import ActivationGrid
from nncompress.quantization.qat import convert, prepare_qat
from nnlite import nn
from nnlite.data import Input

GOLDEN = (  # printed by to_bytes(golden_plan()).hex() of this file
    "4e4e5a021bc9a41fdffa69c9091891b11d1c3fa2fdfff0f1e94e4ed2"
    "3fc128e35abcd6e819d4bb3eb9509caec2805c23409b842fe0bdd6"
)


def images(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def pruned(model, kept, seed=0):
    """The model with all but a share of its weights set to zero."""
    rng = np.random.default_rng(seed)
    for _, parameter in model.named_parameters():
        if parameter.ndim > 1:
            smallest_kept = np.quantile(np.abs(parameter.data), 1 - kept)
            parameter.data *= np.abs(parameter.data) >= smallest_kept + 1e-9 * rng.random()
    return model


def sealed(content):
    """The content with a checksum that fits."""
    return bytes(content) + zlib.crc32(content).to_bytes(4, "little")


def golden_plan():
    first = np.zeros((2, 12), np.int8)
    first[0, 3], first[1, 11] = 127, -1
    S = np.float32
    return Int8Plan([
        Int8Step("input", "input", [], (1, 2, 2), S(0.5), 128),
        Int8Step("conv2d", "conv", [0], (2, 2, 3), S(0.125), 0, relu=True, bits=3, w=np.int8([[[[1, -2]]], [[[0, 3]]]]),
                 b=np.int32([5, -300]), w_scale=np.float32([0.25, 2]),
                 options={"stride": (1, 1), "padding": (0, 1), "dilation": (1, 1), "groups": 1}),
        Int8Step("add", "add_1", [1, 1], (2, 2, 3), S(0.25), 3),
        Int8Step("flatten", "f", [2], (12,), S(0.25), 3),
        Int8Step("linear", "fc", [3], (2,), S(1), 0, bits=8, w=first, b=np.int32([0, 70000]), w_scale=np.float32([1, 0.5])),
    ], "float")


@functools.cache
def small_file(number):
    """Contents of small files of every form and version: images and features, dense and sparse, raw and Huffman-coded, all
    laws, and one with a names part.
    """
    x = images(4, 2, 4, 4)
    if number == 0:
        return bytes.fromhex(GOLDEN)
    if number == 1:
        layers = [nn.Conv2d(2, 2, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Flatten(),
                  nn.Linear(2, 2, rng=1)]
        return to_bytes(quantize(nn.Sequential(*layers), x, bits=3, law="fixed"))
    if number == 2:
        layers = [nn.Residual(nn.Conv2d(2, 2, 1, groups=2, rng=2)), nn.Flatten(), pruned(nn.Linear(32, 12, rng=3), 0.1)]
        return to_bytes(quantize(nn.Sequential(*layers), x, bits=4, law="float"))
    if number == 3:
        return to_bytes(quantize(pruned(nn.Linear(100, 4, rng=4), 0.4), images(5, 100), bits=5))
    if number == 4:
        return to_bytes(quantize(nn.Linear(60, 2, rng=4), images(5, 60), bits=8))
    plan = quantize(nn.Sequential(nn.Conv2d(2, 3, 4, rng=5), nn.ReLU(), nn.Flatten(), nn.Linear(3, 3, rng=6)), x, bits=4)
    plan.input = Input((2, 4, 4), "uint8", (0.1307, -0.5), (0.3081, 1.0), ("oak", "Eiche", "dąb"))
    if number == 5:
        return to_bytes(plan)
    return to_bytes(few_bits_plan())


def few_bits_plan():
    """A plan of the law "once" with activations of 3 bits, which only version 4 holds."""
    model = nn.Sequential(nn.Conv2d(2, 3, 3, rng=5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3, 4, rng=6))
    return convert(prepare_qat(model, images(4, 2, 4, 4), bits=4, activations=lambda x: ActivationGrid(3)), "once")
