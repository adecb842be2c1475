"""What a model file says of the images that it was trained on: kept as "input" in a checkpoint's metadata.

    {"shape": [1, 24, 40], "dtype": "uint8", "mean": [0.21], "std": [0.3], "names": ["circle", "cross", "square"]}

`names` are those of the classes, or their numbers as text.
"""

import math

import numpy as np

from nnlite import data
from nnlite.checkpoint import load_state
from nnlite.data.folder import read_image
from nnlite.errors import FormatError

KINDS = {"shape": int, "mean": float, "std": float, "names": str}  # field -> what its list holds


def input_of(task):
    """The input of a model that was trained on this task."""
    *_, normalize = task.preprocessing
    return {"shape": list(task.train.images.shape[1:]), "dtype": str(task.train.images.dtype), "mean": list(normalize.mean),
            "std": list(normalize.std), "names": task.names()}


def stored_input(path):
    """The input that an .npz file names, or None.   Errors: FormatError for one that makes no sense."""
    stored = load_state(path).metadata.get("input")
    if stored is None:
        return None
    fits = isinstance(stored, dict) and all(isinstance(stored.get(field), list) and all(isinstance(value, kind) for value in
                                            stored[field]) for field, kind in KINDS.items())
    fits = fits and stored["shape"][:1] == [len(stored["mean"])] == [len(stored["std"])] and all(n > 0 for n in stored["shape"])
    if not fits or not all(map(math.isfinite, stored["mean"])) or not all(0 < std < math.inf for std in stored["std"]):
        raise FormatError(f"{path}: manifest.json: the input of the model is {str(stored)[:200]}")
    return stored


def read_images(paths, taken, normalized=True):
    """The images of some .png or .jpg files as a model takes them: float32 (N, C, H, W), normalized as `taken` says.

    taken: the model's input, as `input_of` gives it.   normalized: False for a plan that takes pixels ÷ 255.
    Errors: FormatError, OSError for what is not an image; ValueError for one of another shape.
    """
    shape = tuple(taken["shape"])
    if len(shape) != 3 or taken["dtype"] != "uint8":
        what = "rows of numbers" if len(shape) != 3 else "images of numbers that are not bytes"
        raise ValueError(f"the model takes {what}, shape {shape}; a .png or .jpg image holds none, call the model from Python")
    images = [read_image(path) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape != shape:
            raise ValueError(f"{path} has shape {image.shape} (channels, height, width), the model takes {shape}")
    x = data.ToFloat()(np.stack(images))
    return data.Normalize(tuple(taken["mean"]), tuple(taken["std"]))(x) if normalized else x
