"""A `.npz` file of arrays, as `np.savez` and `np.savez_compressed` write it: data of one's own.

    images, labels               the samples; images (N, C, H, W), (N, H, W) or (N, F), labels (N,) whole numbers or text
    test_images, test_labels     optional: the test part
"""

import zipfile
import zlib

import numpy as np

from nnlite.errors import FormatError, shortened
from nnlite.files import open_to_read

DAMAGE = (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, LookupError, TypeError, SyntaxError, MemoryError,
          RuntimeError, NotImplementedError, OverflowError)


def read_arrays(path):
    """[(images, labels)] of the file, with (test_images, test_labels) as a second pair if it has them.

    Errors: FileNotFoundError; FormatError if the file is damaged, an array is missing, or it holds Python objects.
    """
    with open_to_read(path) as stream:
        if stream.read(2) != b"PK":
            raise FormatError(f"{path}: not an .npz file, which np.savez writes")
        stream.seek(0)
        try:
            return _pairs(path, stream)
        except FormatError:
            raise
        except DAMAGE as error:
            raise FormatError(f"{path}: damaged: {shortened(error)}") from None


def _pairs(path, stream):
    with np.load(stream, allow_pickle=False) as file:
        _check_names(path, file.files)
        test = ["test_"] if "test_images" in file.files else []
        return [(_array(path, file, f"{part}images"), _array(path, file, f"{part}labels")) for part in ["", *test]]


def _check_names(path, names):
    missing = {"images", "labels"} - set(names)
    if {"test_images", "test_labels"} & set(names):
        missing |= {"test_images", "test_labels"} - set(names)
    if missing:
        found = ", ".join(sorted(names)[:8]) or "nothing"
        hint = " (this is a model, not data)" if "manifest.json" in names else ""
        raise FormatError(f"{path}: no array {' and no array '.join(sorted(missing))} in it, only {found}{hint}")


def _array(path, file, name):
    try:
        return file[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        text = "; labels.astype(str) makes text of them" if name.endswith("labels") else ""
        raise FormatError(f"{path}: {name} holds Python objects, expected numbers{text}") from None
