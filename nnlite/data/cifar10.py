"""CIFAR-10: 50,000 training and 10,000 test images of 32×32 colour pixels, in its *binary* version.

Each of the six files is 10,000 records of 3073 bytes: the label, then 1024 red, 1024 green and 1024 blue values, each
row by row. (The Python version is pickled, and unpickling a downloaded file runs whatever it says.)

Source: A. Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images", https://www.cs.toronto.edu/~kriz/cifar.html.
Size and SHA-256: TensorFlow Datasets, `url_checksums`.
"""

import shutil
import tarfile
from functools import partial

import numpy as np

from nnlite.data.dataset import Dataset
from nnlite.data.download import RemoteFile, fetch_into_cache, find
from nnlite.errors import FormatError
from nnlite.files import write_atomically

ARCHIVE = RemoteFile(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    170052171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FOLDER = "cifar-10-batches-bin"  # inside the archive
FILES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
RECORDS = 10_000
RECORD_BYTES = 1 + 3 * 32 * 32


def load_cifar10(data_dir=None):
    """Datasets (train, test) of CIFAR-10: images uint8 (N, 3, 32, 32), 10 classes with names.

    Errors: FileNotFoundError when the six files are neither found nor fetched; FormatError when one is damaged.
    """
    paths = find("cifar10", [(file, f"{FOLDER}/{file}") for file in FILES], data_dir)
    if paths is None:
        directory = fetch_into_cache("cifar10", [ARCHIVE], f"Get {ARCHIVE.url} and unpack {', '.join(FILES)}")
        _unpack(directory / ARCHIVE.name)
        paths = [directory / file for file in FILES]
    *train, test = [read_batch(path) for path in paths]
    images, labels = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return Dataset(images, labels, CLASSES), Dataset(*test, CLASSES)


def read_batch(path):
    """(images uint8 (10000, 3, 32, 32), labels int64 (10000,)) of one binary file.

    Errors: FormatError when the file has another size, or a label is not 0 to 9.
    """
    size = path.stat().st_size
    if size != RECORDS * RECORD_BYTES:
        raise FormatError(f"{path}: {size} bytes, expected {RECORDS} records of {RECORD_BYTES} bytes")
    records = np.fromfile(path, np.uint8).reshape(RECORDS, RECORD_BYTES)
    labels = records[:, 0].astype(np.int64)
    if labels.max() > 9:
        raise FormatError(f"{path}: label {labels.max()} in record {labels.argmax()}, expected 0 to 9")
    return records[:, 1:].reshape(RECORDS, 3, 32, 32), labels


def _unpack(archive):
    """Write the six files beside the archive, whatever else it may hold, then remove the archive."""
    with tarfile.open(archive) as tar:
        for file in FILES:
            with tar.extractfile(f"{FOLDER}/{file}") as source:
                write_atomically(archive.with_name(file), partial(shutil.copyfileobj, source))
    archive.unlink()
