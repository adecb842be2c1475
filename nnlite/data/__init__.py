"""Data: images with labels, loaders of batches, transforms of a batch, the four data sets, and data of your own.

>>> from nnlite import data
>>> train, test = data.load("digits")
>>> data.prepare(test, "digits").shape                # what a model takes, at once
(360, 1, 8, 8)
>>> loader = data.DataLoader(train, batch_size=64, shuffle=True, seed=0, transform=data.preprocessing("digits"))
>>> images, labels = next(iter(loader))
>>> images.shape, images.dtype, labels.shape
((64, 1, 8, 8), dtype('float32'), (64,))
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from nnlite.data.cifar10 import load_cifar10
from nnlite.data.dataset import Dataset
from nnlite.data.digits import load_digits
from nnlite.data.idx import read_idx
from nnlite.data.input import Input, input_of
from nnlite.data.loader import DataLoader
from nnlite.data.mnist import load_mnist
from nnlite.data.own import is_own, load_own, measured
from nnlite.data.transforms import Normalize, RandomCrop, RandomHorizontalFlip, RandomRotation, RandomShift, ToFloat

__all__ = [
    "NAMES",
    "SOURCES",
    "DataLoader",
    "Dataset",
    "Input",
    "Normalize",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomShift",
    "Source",
    "ToFloat",
    "augmentation",
    "input_of",
    "load",
    "prepare",
    "preprocessing",
    "read_idx",
]


class Source(NamedTuple):
    """A data set: its loader, the shape of an image, the number of classes, and how to normalise its channels."""

    load: Callable
    shape: tuple
    classes: int
    mean: tuple
    std: tuple


SOURCES = {
    "digits": Source(load_digits, (1, 8, 8), 10, (0.3055,), (0.3760,)),
    "mnist": Source(partial(load_mnist, "mnist"), (1, 28, 28), 10, (0.1307,), (0.3081,)),
    "fashion-mnist": Source(partial(load_mnist, "fashion-mnist"), (1, 28, 28), 10, (0.2860,), (0.3530,)),
    "cifar10": Source(load_cifar10, (3, 32, 32), 10, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
NAMES = tuple(SOURCES)


def load(name, data_dir=None):
    """Datasets (train, test) of the data set `name`, one of NAMES, or of your own data at a path.

    The images of the four data sets are uint8 (N, C, H, W).

    A path ends in .npz (`arrays.py`) or .csv (`table.py`), or is a folder with a folder of images for each class (`folder.py`).
    Without a test part a fifth of the samples is held out; `own.load_own` has the details.

    "digits" is bundled. The files of the others are looked for in `data_dir` only, if it is given. Without `data_dir` they are
    looked for in $NNLITE_DATA/<name>, in the user's cache and, for "fashion-mnist", where Debian's package installs them; files
    that are not found are downloaded.

    Errors: ValueError for an unknown name, or a `data_dir` for digits or a path; FileNotFoundError when the files are neither
    found nor fetched; FormatError when one is damaged.
    """
    if name not in SOURCES and is_own(name):
        if data_dir is not None:
            raise ValueError(f"load: {name} is a path by itself, {data_dir} is for {', '.join(NAMES[1:])}")
        return load_own(name)
    source = _source(name)
    if name == "digits":
        if data_dir is not None:
            raise ValueError(f"load: digits are bundled and not read from {data_dir}; which data set did you mean?")
        return source.load()
    return source.load(data_dir)


def preprocessing(name):
    """The transforms that every image of this data set passes through: [ToFloat(), Normalize(mean, std)].

    name: one of NAMES, whose mean and std stand in SOURCES; or a Dataset, where they are measured (give the training part).
    Images of a Dataset that are not bytes need no ToFloat. A channel whose numbers are all the same becomes 0.
    """
    if isinstance(name, Dataset):
        return measured(name)
    source = _source(name)
    return [ToFloat(), Normalize(source.mean, source.std)]


def prepare(images, name):
    """All images as a model's input, in one array: each passes through `preprocessing(name)`.

    images: a Dataset, or its images (N, C, H, W), uint8 -> float32 (N, C, H, W), normalized as the data set `name`, which may
    be a Dataset of your own: `prepare(test, train)` normalizes the test part by the training part.
    Errors: ValueError for an unknown name, and for another number of channels; TypeError for images that are not bytes.

    >>> train, _ = load("digits")
    >>> x = prepare(train[:100], "digits")
    >>> x.shape, x.dtype, train[:100].labels.shape
    ((100, 1, 8, 8), dtype('float32'), (100,))
    """
    images = images.images if isinstance(images, Dataset) else images
    for transform in preprocessing(name):
        images = transform(images)
    return images


def _source(name):
    if name not in SOURCES:
        raise ValueError(f"data: no data set {name!r}, expected one of {', '.join(NAMES)}, or a path to a .npz, a .csv or "
                         "a folder")
    return SOURCES[name]


def augmentation(name):
    """The random transforms for training images of this data set, to be applied before `preprocessing`; often an empty list.

    cifar10: RandomHorizontalFlip and RandomCrop 32 with padding 4, as in the first article (A7). Data of your own: none.
    """
    if name not in SOURCES and is_own(name):
        return []
    _source(name)
    return [RandomHorizontalFlip(), RandomCrop(32, padding=4)] if name == "cifar10" else []
