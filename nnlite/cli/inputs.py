"""The Input that a model file holds (a checkpoint: as "input" in its metadata), and images read as it says."""

import numpy as np

import nncompress
from nnlite import data
from nnlite.checkpoint import load_state
from nnlite.data.folder import read_image
from nnlite.data.input import input_from_dict
from nnlite.errors import FormatError


def is_nnz(path):
    """Whether a file is an .nnz file, told by its first bytes and not by its name."""
    with open(path, "rb") as stream:
        return stream.read(3) == b"NNZ"


def stored_input(path):
    """The Input that a file holds, or None.   Errors: FormatError for one that makes no sense."""
    if is_nnz(path):
        return nncompress.load(path).input
    stored = load_state(path).metadata.get("input")
    try:
        return None if stored is None else input_from_dict(stored)
    except ValueError as error:
        raise FormatError(f"{path}: manifest.json: {error}") from None


def read_images(paths, taken, normalized=True):
    """The images of some .png or .jpg files as a model takes them: float32 (N, C, H, W), normalized as `taken` says.

    taken: the model's Input.   normalized: False for a plan that takes pixels ÷ 255.
    Errors: FormatError, OSError for what is not an image; ValueError for one of another shape.
    """
    if len(taken.shape) != 3 or taken.dtype != "uint8":
        what = "rows of numbers" if len(taken.shape) != 3 else "images of numbers that are not bytes"
        raise ValueError(f"the model takes {what}, shape {taken.shape}; a .png or .jpg image holds none, call the model from "
                         "Python")
    images = [read_image(path) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape != taken.shape:
            raise ValueError(f"{path} has shape {image.shape} (channels, height, width), the model takes {taken.shape}")
    x, transforms = np.stack(images), taken.preprocessing if normalized else [data.ToFloat()]
    for transform in transforms:
        x = transform(x)
    return x
