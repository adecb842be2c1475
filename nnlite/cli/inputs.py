"""The Input that a model file holds (a checkpoint: as "input" in its metadata), and images or rows read as it says."""

import numpy as np

import nncompress
from nnlite import data
from nnlite.checkpoint import load_state
from nnlite.data.folder import read_image
from nnlite.data.input import input_from_dict
from nnlite.data.table import read_rows
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


def read_inputs(paths, taken, normalized=True):
    """(names, x) of .png or .jpg files, or of the rows of .csv tables; x as a model takes it, normalized as `taken` says.

    taken: the model's Input.   normalized: False for a plan that takes pixels ÷ 255.   x float32 (N, C, H, W) or (N, F).
    names: those of the files; for a row also its number, from 1, as in "new.csv row 1".
    Errors: FormatError, OSError for what cannot be read; ValueError for an image or a row of another shape.
    """
    names, x = _read_images(paths, taken) if taken.dtype == "uint8" else _read_rows(paths, taken)
    for transform in taken.preprocessing if normalized else [data.ToFloat()]:
        x = transform(x)
    return names, x


def _read_images(paths, taken):
    if len(taken.shape) != 3:
        raise ValueError(f"the model takes bytes of the shape {taken.shape}; a .png or .jpg image has 3 sizes, call the model "
                         "from Python")
    images = [read_image(path) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape != taken.shape:
            raise ValueError(f"{path} has shape {image.shape} (channels, height, width), the model takes {taken.shape}")
    return list(map(str, paths)), np.stack(images)


def _read_rows(paths, taken):
    if len(taken.shape) != 1:
        raise ValueError(f"the model takes images of numbers that are not bytes, shape {taken.shape}; a .png or .jpg image "
                         "holds none, call the model from Python")
    names, tables = [], []
    for path in paths:
        if path.suffix.lower() != ".csv":
            raise ValueError(f"the model takes rows of {taken.shape[0]} numbers: give a .csv table of them, got {path}")
        rows = read_rows(path)
        if rows.shape[1:] != taken.shape:
            raise ValueError(f"{path} has {rows.shape[1]} columns of numbers, the model takes {taken.shape[0]}")
        names += [f"{path} row {k}" for k in range(1, len(rows) + 1)]
        tables.append(rows)
    return names, np.concatenate(tables)
