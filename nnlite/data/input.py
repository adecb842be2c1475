"""What a model takes, as its file keeps it: the shape and dtype of an image, its normalization, the names of the classes.

    {"shape": [1, 24, 40], "dtype": "uint8", "mean": [0.21], "std": [0.3], "names": ["circle", "cross", "square"]}

Names that nobody has given are the numbers of the classes as text.
"""

import re
from dataclasses import asdict, dataclass

import numpy as np

from nnlite.data.transforms import Normalize, ToFloat

KINDS = {"shape": int, "mean": float, "std": float, "names": str}  # field -> what its list holds
DTYPES = ("uint8", "float32")
NOT_UTF8 = re.compile("[\ud800-\udfff]")  # for a byte of a folder's name that is not UTF-8, Python has one of these


@dataclass(frozen=True)
class Input:
    """The images that a model was trained on.

    shape       of one image, (C, H, W), or (F,) for a row of a table
    dtype       of the images before all transforms: "uint8", or "float32" for all other numbers
    mean, std   one number for each channel or column; of bytes they are those of pixels ÷ 255
    names       one for each class

    Errors: ValueError, which says what does not fit: a size below 1, another dtype, another number of means or deviations than
    channels, numbers that are not finite, deviations that are not above 0, no names, twice the same one, or one that is not
    UTF-8.
    """

    shape: tuple
    dtype: str
    mean: tuple
    std: tuple
    names: tuple

    def __post_init__(self):
        problem = self._problem()
        if problem:
            raise ValueError(f"the input of the model is {str(self.as_dict())[:200]}: {problem}")

    def _problem(self):
        """What does not fit, in words; None if everything fits."""
        with np.errstate(over="ignore"):
            mean, std = np.float32(self.mean), np.float32(self.std)
        if not 1 <= len(self.shape) <= 3 or min(self.shape) < 1:
            return "the shape has to be one to three sizes from 1 up"
        if self.dtype not in DTYPES:
            return f"the dtype has to be {' or '.join(DTYPES)}"
        if not self.shape[0] == len(mean) == len(std):
            return f"{self.shape[0]} channels need as many means and deviations, got {len(mean)} and {len(std)}"
        if not np.isfinite([mean, std]).all() or (std <= 0).any():
            return "means and deviations have to be finite in float32, deviations above 0"
        if len(set(self.names)) < len(self.names) or not self.names:
            return "every class needs a name of its own"
        wrong = [name for name in self.names if NOT_UTF8.search(str(name))]
        return f"names have to be text in UTF-8, got {wrong[0]!r}" if wrong else None

    def __str__(self):
        mean, std = (", ".join(f"{value:.4g}" for value in values[:4]) + (", …" if len(values) > 4 else "")
                     for values in (self.mean, self.std))
        what = "rows" if len(self.shape) == 1 else "images"
        return f"{what} {self.dtype}, mean {mean}, deviation {std}; classes {', '.join(self.names)}"

    def as_dict(self):
        """The fields as JSON holds them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def normalizes_like(self, other):
        """Whether mean and deviation are the same as another's, in float32."""
        return all(np.array_equal(np.float32(a), np.float32(b)) for a, b in ((self.mean, other.mean), (self.std, other.std)))

    @property
    def preprocessing(self):
        """The transforms that every image passes through."""
        normalize = Normalize(self.mean, self.std)
        return [ToFloat(), normalize] if self.dtype == "uint8" else [normalize]


def input_of(dataset, preprocessing):
    """The Input of a model that is trained on a Dataset.   preprocessing: as `data.preprocessing` gives it.

    >>> from nnlite import data
    >>> train, _ = data.load("digits")
    >>> data.input_of(train, data.preprocessing("digits")).mean
    (0.3055,)
    """
    *_, normalize = preprocessing
    names = dataset.names or map(str, range(dataset.classes))
    return Input(dataset.images.shape[1:], str(dataset.images.dtype), normalize.mean, normalize.std, tuple(names))


def input_from_dict(stored):
    """The Input of a dict that `as_dict` has made.   Errors: ValueError for any other value."""
    fits = isinstance(stored, dict) and isinstance(stored.get("dtype"), str) and all(
        isinstance(stored.get(field), list) and all(type(value) is kind for value in stored[field])
        for field, kind in KINDS.items())
    if not fits:
        raise ValueError(f"the input of the model is {str(stored)[:200]}: it needs a dtype, and the lists {', '.join(KINDS)}")
    return Input(*(tuple(stored[field]) if field in KINDS else stored[field]
                   for field in ("shape", "dtype", "mean", "std", "names")))


def check_same_input(path, stored, given):
    """ValueError unless the data has the images and classes of the file; its normalization may be another one.

    path: the file.   stored: its Input.   given: the data's.
    """
    if stored.shape != given.shape:
        raise ValueError(f"{path} takes images of shape {stored.shape}, the data has {given.shape} (--data chooses it)")
    if len(stored.names) != len(given.names):
        raise ValueError(f"{path} tells {len(stored.names)} classes apart, the data has {len(given.names)} (--classes chooses "
                         "some)")
    for k, (ours, theirs) in enumerate(zip(stored.names, given.names, strict=True)):
        if ours != theirs:
            raise ValueError(f"{path}: class {k} is {ours!r} in the file and {theirs!r} in the data; both need the same "
                             "classes in the same order")
    if stored.dtype != given.dtype:
        right = "bytes from 0 to 255" if stored.dtype == "uint8" else "numbers of the range that it was trained on"
        raise ValueError(f"{path} takes images of {stored.dtype}, the data has {given.dtype}; give {right}")
