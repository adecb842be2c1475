"""Transforms: they change a batch of images before the network sees it.

A transform is a callable `transform(images, rng) -> images` on a whole batch (N, C, H, W); `rng` is a Generator, and the same
state of it gives the same bits. Random transforms augment the training data. Apply them first, while the images are still
bytes, so that the zeros that they move in are black; then `ToFloat`, then `Normalize`. Those two also take rows of a table
(N, F).

Source: the article's line A7 in `tutorials/articles.md`; the names are those of `torchvision.transforms`.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ToFloat:
    """Bytes to numbers in [0, 1].

        y = x / 255

    x uint8 -> y float32, same shape. Errors: TypeError when x is not uint8 (it has been scaled already).
    """

    def __call__(self, images, rng=None):
        if images.dtype != np.uint8:
            raise TypeError(f"ToFloat: images are {images.dtype}, expected uint8")
        return np.divide(images, 255, dtype=np.float32)


@dataclass(frozen=True)
class Normalize:
    """Shift and scale each channel.

        y_c = (x_c - mean_c) / std_c

    mean, std: one number for each channel (N, C, H, W), or each column of a table (N, F). x float -> y of the same dtype and
    shape.
    Errors: TypeError when x is not float; ValueError when the channels do not fit, or a std is not positive.
    """

    mean: tuple
    std: tuple

    def __post_init__(self):
        if len(self.mean) != len(self.std):
            raise ValueError(f"Normalize: {len(self.mean)} means but {len(self.std)} standard deviations")
        if not all(std > 0 for std in self.std):
            raise ValueError(f"Normalize: std {self.std}, expected positive numbers")

    def __call__(self, images, rng=None):
        if not np.issubdtype(images.dtype, np.floating):
            raise TypeError(f"Normalize: images are {images.dtype}, put ToFloat() before it")
        if images.shape[1] != len(self.mean):
            what = "columns" if images.ndim == 2 else "channels"
            raise ValueError(f"Normalize: images have {images.shape[1]} {what}, mean has {len(self.mean)}")
        per_channel = (-1, *[1] * (images.ndim - 2))
        mean = np.reshape(self.mean, per_channel).astype(images.dtype)
        std = np.reshape(self.std, per_channel).astype(images.dtype)
        return (images - mean) / std


@dataclass(frozen=True)
class RandomHorizontalFlip:
    """Mirror each image, left to right, with probability p.

    Errors: ValueError when p is outside [0, 1].
    """

    p: float = 0.5

    def __post_init__(self):
        if not 0 <= self.p <= 1:
            raise ValueError(f"RandomHorizontalFlip: p {self.p}, expected a probability")

    def __call__(self, images, rng):
        flipped = rng.random(len(images)) < self.p
        return np.where(flipped[:, None, None, None], images[..., ::-1], images)


@dataclass(frozen=True)
class RandomShift:
    """Move each image by up to ± pixels, down and right independently; zeros come in at the edges.

        y[i, j] = x[i - down, j - right],   down, right uniform on {-pixels, …, pixels}

    Source: the jitter of Hinton, Vinyals, Dean 2015 (arXiv 1503.02531), section 3.
    Errors: ValueError when pixels is negative.
    """

    pixels: int

    def __post_init__(self):
        if self.pixels < 0:
            raise ValueError(f"RandomShift: pixels {self.pixels}, expected at least 0")

    def __call__(self, images, rng):
        return self.moved(images, *self.draw(len(images), rng))

    def draw(self, n, rng):
        """How far n images move -> down (n,), right (n,)."""
        return rng.integers(-self.pixels, self.pixels, (2, n), endpoint=True)

    def moved(self, images, down, right):
        """The images (n, C, H, W), the k-th moved by down[k] and right[k] pixels."""
        return _windows(images, self.pixels, self.pixels - down, self.pixels - right, images.shape[2:])


@dataclass(frozen=True)
class RandomRotation:
    """Turn each image around its centre, by an angle uniform in [-degrees, degrees]; zeros come in at the corners.

        y[i, j] = x(i_c + sin a (j - j_c) + cos a (i - i_c), j_c + cos a (j - j_c) - sin a (i - i_c))

    (i_c, j_c) is the centre; a positive angle a turns from the right upwards. x between pixels is the weighted mean of its four
    neighbours (bilinear). uint8 images are rounded to uint8, others keep their dtype.
    Errors: ValueError when degrees is negative.
    """

    degrees: float

    def __post_init__(self):
        if not self.degrees >= 0:
            raise ValueError(f"RandomRotation: degrees {self.degrees}, expected at least 0")

    def __call__(self, images, rng):
        return self.turned(images, rng.uniform(-self.degrees, self.degrees, len(images)))

    def turned(self, images, degrees):
        """The images (n, C, H, W), the k-th turned by degrees[k]."""
        N, C, H, W = images.shape
        a = np.deg2rad(np.asarray(degrees, np.float32))[:, None, None]
        i = (np.arange(H, dtype=np.float32) - np.float32((H - 1) / 2))[:, None]
        j = np.arange(W, dtype=np.float32) - np.float32((W - 1) / 2)
        row = np.clip(np.sin(a) * j + np.cos(a) * i + np.float32((H - 1) / 2 + 1), 0, H + 1)  # in an image with a black border
        column = np.clip(np.cos(a) * j - np.sin(a) * i + np.float32((W - 1) / 2 + 1), 0, W + 1)
        top, left = np.minimum(row.astype(np.int64), H), np.minimum(column.astype(np.int64), W)
        down, right = (row - top)[:, None], (column - left)[:, None]
        bordered = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1))).reshape(N, C, -1)
        place = (top * (W + 2) + left).reshape(N, 1, -1)
        upper_left, upper_right, lower_left, lower_right = (
            np.take_along_axis(bordered, place + step, 2).reshape(images.shape) for step in (0, 1, W + 2, W + 3))
        upper, lower = ((1 - right) * upper_left + right * upper_right, (1 - right) * lower_left + right * lower_right)
        y = (1 - down) * upper + down * lower
        return (np.rint(y) if images.dtype == np.uint8 else y).astype(images.dtype)


@dataclass(frozen=True)
class RandomCrop:
    """Surround each image with `padding` zeros on every side, then cut out a random square of size × size pixels.

        y[i, j] = x[i + top - padding, j + left - padding],   top uniform on {0, …, H + 2 padding - size}, left alike

    Errors: ValueError when size is below 1, padding is negative, or the square does not fit.
    """

    size: int
    padding: int = 0

    def __post_init__(self):
        if self.size < 1 or self.padding < 0:
            raise ValueError(f"RandomCrop: size {self.size}, padding {self.padding}, expected at least 1 and 0")

    def __call__(self, images, rng):
        N, C, H, W = images.shape
        rows, columns = H + 2 * self.padding - self.size, W + 2 * self.padding - self.size
        if rows < 0 or columns < 0:
            raise ValueError(f"RandomCrop: size {self.size} does not fit into {H}×{W} and padding {self.padding}")
        top = rng.integers(0, rows, N, endpoint=True)
        left = rng.integers(0, columns, N, endpoint=True)
        return _windows(images, self.padding, top, left, (self.size, self.size))


def _windows(images, padding, top, left, shape):
    """Cut from each padded image the window whose upper left corner is (top, left): (N, C, H, W) -> (N, C, *shape)."""
    edge = (padding, padding)
    padded = np.pad(images, ((0, 0), (0, 0), edge, edge))
    every = np.lib.stride_tricks.sliding_window_view(padded, shape, axis=(2, 3))  # (N, C, tops, lefts, *shape), a view
    return every[np.arange(len(images)), :, top, left]
