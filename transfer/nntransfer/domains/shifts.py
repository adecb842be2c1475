"""Shifts: transforms that make another domain out of images, so that no second data set has to be fetched.

Each is a transform as in `nnlite.data.transforms`: images (N, 1, H, W) uint8 -> uint8 of the same labels.
`shifted` applies some to a whole Dataset.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from nnlite.data import Dataset, RandomRotation


def shifted(dataset, transforms, seed=0):
    """A Dataset with the images that the transforms make of another's, and its labels.

    transforms: a list, applied in turn.   seed: an integer or a Generator, for those that draw random numbers.
    """
    images, rng = dataset.images, np.random.default_rng(seed)
    for transform in transforms:
        images = transform(images, rng)
    return Dataset(images, dataset.labels, dataset.classes)


@dataclass(frozen=True)
class Inverted:
    """Black becomes white:   y = 255 − x.

    Source: the negative of an image, any textbook.
    """

    def __call__(self, images, rng=None):
        return 255 - _bytes("Inverted", images)


@dataclass(frozen=True)
class Rotated:
    """Every image turned by the same angle, as `RandomRotation` turns: a positive one from the right upwards.

    degrees: of the angle.
    """

    degrees: float

    def __call__(self, images, rng=None):
        return RandomRotation(0).turned(_bytes("Rotated", images), np.full(len(images), self.degrees))


@dataclass(frozen=True)
class Faded:
    """Less contrast, a grey ground, and noise.

        y = contrast x + ground + noise·N(0, 1),    rounded, in 0 … 255

    Errors: ValueError for negative noise.
    Source: this project, as a domain on which settings are chosen.
    """

    contrast: float = 0.5
    ground: float = 40.0
    noise: float = 20.0

    def __post_init__(self):
        if self.noise < 0:
            raise ValueError(f"Faded: noise {self.noise}, expected at least 0")

    def __call__(self, images, rng):
        y = np.float32(self.contrast) * _bytes("Faded", images) + np.float32(self.ground)
        y += np.float32(self.noise) * rng.standard_normal(images.shape, dtype=np.float32)
        return np.clip(np.rint(y), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class OnPhotograph:
    """MNIST-M in grey: each image over a random patch of a photograph, whose grey it inverts where it is white.

        y = |patch − x|

    The photograph is matplotlib's sample, a portrait of Grace Hopper of 600 × 512 pixels. The published MNIST-M is in colour,
    with patches of BSDS500; figures for it are near those for this one, not the same.
    Errors: ValueError for images that are larger than the photograph, or have several channels.
    Source: Ganin & Lempitsky 2015 (arXiv 1409.7495), §4.1.
    """

    def __call__(self, images, rng):
        N, C, H, W = _bytes("OnPhotograph", images).shape
        picture = photograph()
        rows, columns = picture.shape[0] - H, picture.shape[1] - W
        if C != 1 or rows < 0 or columns < 0:
            raise ValueError(f"OnPhotograph: images are {(C, H, W)}, expected one channel and at most {picture.shape} pixels")
        top, left = rng.integers(0, rows, N, endpoint=True), rng.integers(0, columns, N, endpoint=True)
        patches = np.lib.stride_tricks.sliding_window_view(picture, (H, W))[top, left][:, None]
        return np.maximum(patches, images) - np.minimum(patches, images)


@cache
def photograph():
    """Matplotlib's sample photograph in grey, uint8 (600, 512):   grey = 0.299 red + 0.587 green + 0.114 blue.

    Source: ITU-R BT.601, §2.5.1 (luma).
    """
    from matplotlib.cbook import get_sample_data
    from matplotlib.image import imread

    red_green_blue = imread(get_sample_data("grace_hopper.jpg", asfileobj=False)).astype(np.float64)
    grey = np.rint(red_green_blue @ [0.299, 0.587, 0.114]).astype(np.uint8)
    grey.flags.writeable = False
    return grey


@dataclass(frozen=True)
class Enlarged:
    """Small images enlarged to size × size pixels, with a black border: the digits in the frame of MNIST.

        y = A x Aᵀ        A_ij = max(0, 1 − |(i + ½) n/size − (j + ½)|), n the old size; bilinear, as in PyTorch's interpolate

    The defaults make of 8 × 8 pixels what MNIST has: 20 × 20 in the middle of 28 × 28.
    Errors: ValueError for images that are not square or are larger than `size`, and for a negative border.
    Source: `torch.nn.functional.interpolate(mode="bilinear")`, whose values it has.
    """

    size: int = 20
    border: int = 4

    def __post_init__(self):
        if self.border < 0:
            raise ValueError(f"Enlarged: border {self.border}, expected at least 0")

    def __call__(self, images, rng=None):
        n, width = _bytes("Enlarged", images).shape[2:]
        if n != width or n > self.size:
            raise ValueError(f"Enlarged: images have {n}×{width} pixels, expected a square of at most {self.size}×{self.size}")
        at = np.clip((np.arange(self.size) + 0.5) * n / self.size - 0.5, 0, n - 1)
        A = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(n))).astype(np.float32)
        edge = (self.border, self.border)
        return np.pad(np.rint(A @ images @ A.T).astype(np.uint8), ((0, 0), (0, 0), edge, edge))


def _bytes(name, images):
    if images.dtype != np.uint8 or images.ndim != 4:
        raise TypeError(f"{name}: images are {images.dtype} {images.shape}, expected uint8 (N, C, H, W); put it before "
                        "ToFloat()")
    return images
