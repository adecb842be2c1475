"""MNIST and Fashion-MNIST: 60,000 training and 10,000 test images of 28×28 grey pixels, in four IDX files each.

Sources: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", http://yann.lecun.com/exdb/mnist/,
fetched from the copy of the Common Visual Data Foundation. H. Xiao, K. Rasul, R. Vollgraf 2017, "Fashion-MNIST"
(arXiv 1708.07747), https://github.com/zalandoresearch/fashion-mnist (MIT licence).
Sizes and SHA-256: TensorFlow Datasets, `url_checksums`.
"""

from pathlib import Path

import numpy as np

from nnlite.data.dataset import Dataset
from nnlite.data.download import RemoteFile, fetch_into_cache, find
from nnlite.data.idx import read_idx
from nnlite.errors import FormatError

BASE_URL = {
    "mnist": "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "fashion-mnist": "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
}
FILES = {  # name: (bytes, SHA-256), in the order training images, training labels, test images, test labels
    "mnist": {
        "train-images-idx3-ubyte.gz": (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        "train-labels-idx1-ubyte.gz": (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        "t10k-images-idx3-ubyte.gz": (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        "t10k-labels-idx1-ubyte.gz": (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    },
    "fashion-mnist": {
        "train-images-idx3-ubyte.gz": (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        "train-labels-idx1-ubyte.gz": (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        "t10k-images-idx3-ubyte.gz": (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        "t10k-labels-idx1-ubyte.gz": (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    },
}
CLASSES = {
    "mnist": 10,
    "fashion-mnist": ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
}
SYSTEM_DIRS = {
    "mnist": [],
    "fashion-mnist": [Path("/usr/share/datasets/fashion-mnist")],  # Debian's package dataset-fashion-mnist
}


def load_mnist(name, data_dir=None):
    """Datasets (train, test) of "mnist" or "fashion-mnist": images uint8 (N, 1, 28, 28), 10 classes; those of
    "fashion-mnist" have names.

    The four files may be compressed or not, and may be called `train-images-idx3-ubyte` or `train-images.idx3-ubyte`.
    Errors: FileNotFoundError when they are neither found nor fetched; FormatError when one is damaged.
    """
    wanted = [_spellings(file) for file in FILES[name]]
    paths = find(name, wanted, data_dir, SYSTEM_DIRS[name])
    if paths is None:
        remotes = [RemoteFile(BASE_URL[name] + file, *known) for file, known in FILES[name].items()]
        directory = fetch_into_cache(name, remotes, f"Get {', '.join(FILES[name])} from {BASE_URL[name]}")
        paths = [directory / file for file in FILES[name]]
    train_images, train_labels, test_images, test_labels = paths
    return tuple(_read_pair(*pair, CLASSES[name]) for pair in ((train_images, train_labels), (test_images, test_labels)))


def _spellings(file):
    dotted = file.replace("-idx", ".idx")
    return file, dotted, file.removesuffix(".gz"), dotted.removesuffix(".gz")


def _read_pair(images_path, labels_path, classes):
    images, labels = read_idx(images_path, dimensions=3), read_idx(labels_path, dimensions=1)
    if images.shape[1:] != (28, 28):
        raise FormatError(f"{images_path}: images have shape {images.shape[1:]}, expected (28, 28)")
    if len(images) != len(labels):
        raise FormatError(f"{labels_path}: has {len(labels)} labels, {images_path} has {len(images)} images")
    if labels.max() > 9:
        raise FormatError(f"{labels_path}: label {labels.max()} at index {labels.argmax()}, expected 0 to 9")
    return Dataset(images[:, None], labels.astype(np.int64), classes)
