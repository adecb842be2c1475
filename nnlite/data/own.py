"""Data of your own: a `.npz` file of arrays, a folder of images, or a `.csv` table.

Each reader returns one or two pairs (images, labels). `load_own` makes two Datasets of them.
"""

from pathlib import Path

import numpy as np

from nnlite.data.arrays import read_arrays
from nnlite.data.dataset import Dataset
from nnlite.data.folder import read_folder
from nnlite.data.table import read_table
from nnlite.data.transforms import Normalize, ToFloat
from nnlite.errors import FormatError


def is_own(name):
    """Whether `name` is a path to data of one's own: it ends in .npz or .csv, or is a folder."""
    return isinstance(name, (str, Path)) and (Path(name).suffix.lower() in (".npz", ".csv") or Path(name).is_dir())


def load_own(path):
    """Datasets (train, test) of a path: what ends in .npz, what ends in .csv, or a folder.

    The classes are the different labels of the training part, sorted; their names are these labels as text. Without a test
    part, `Dataset.every_fifth` holds one out.

    Errors: FileNotFoundError; OSError if a file cannot be read; FormatError, which names the file and what is wrong in it.
    """
    path = Path(path)
    read = read_folder if path.is_dir() else {".npz": read_arrays, ".csv": read_table}[path.suffix.lower()]
    parts = [(np.asarray(images), np.asarray(labels)) for images, labels in read(path)]
    try:
        values, names = _classes(parts[0][1])
        datasets = [Dataset(images, _numbers(labels, values), names) for images, labels in parts]
        if len(datasets) == 1:
            return datasets[0].every_fifth()
        _check_same_shape(*datasets)
        return tuple(datasets)
    except (ValueError, TypeError) as error:
        raise FormatError(f"{path}: {error}") from None


def _classes(labels):
    """(the different labels, sorted; the same as text)."""
    if labels.dtype.kind not in "iubU":
        raise ValueError(f"labels are {labels.dtype}, expected whole numbers or text; labels.astype(int) makes whole numbers")
    if labels.ndim != 1:
        raise ValueError(f"labels have shape {labels.shape}, expected (N,)")
    values = np.unique(labels)
    if len(values) < 2:
        raise ValueError(f"the labels are all {values[0]}, there is nothing to tell apart" if len(values) else "no labels")
    return values, [str(value) for value in values]


def _numbers(labels, values):
    """The place of each label among the sorted `values`."""
    if labels.dtype.kind != values.dtype.kind and "U" in (labels.dtype.kind, values.dtype.kind):
        raise ValueError(f"test labels are {labels.dtype}, training labels {values.dtype}")
    place = np.searchsorted(values, labels).clip(max=len(values) - 1)
    unknown = np.flatnonzero(values[place] != labels)
    if len(unknown):
        raise ValueError(f"test label {labels[unknown[0]]} at index {unknown[0]} is not among the training labels")
    return place


def _check_same_shape(train, test):
    one, other = ((part.images.shape[1:], str(part.images.dtype)) for part in (train, test))
    if one != other:
        raise ValueError(f"training images are {one[0]} {one[1]}, test images {other[0]} {other[1]}")


def measured(dataset):
    """The transforms for a dataset of one's own: [Normalize(mean, std)], for bytes with ToFloat before it.

        mean_c, std_c over all samples and pixels of channel c, or over all rows of column c

    A channel whose numbers are all the same gets the std 1, and so becomes 0.
    """
    scale = 255 if dataset.images.dtype == np.uint8 else 1
    mean, std = zip(*(_moments(dataset.images[:, c]) for c in range(dataset.images.shape[1])), strict=True)
    normalize = Normalize(tuple(m / scale for m in mean), tuple(s / scale if s else 1.0 for s in std))
    return [ToFloat(), normalize] if scale == 255 else [normalize]


def _moments(x):
    """(mean, standard deviation) of an array in float64; 0 for a deviation that float32 cannot hold."""
    std = 0.0 if x.min() == x.max() else float(x.std(dtype=np.float64))
    return float(x.mean(dtype=np.float64)), std if std > np.finfo(np.float32).tiny else 0.0
