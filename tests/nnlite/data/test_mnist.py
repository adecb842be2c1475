import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from nnlite.data.mnist import load_mnist
from nnlite.errors import FormatError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (5, 28, 28), np.uint8)
LABELS = RNG.integers(0, 10, 5, np.uint8)


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_files(directory, joint="-", pack=True):
    """Five training images, and the same in reverse order as test images."""
    directory.mkdir(parents=True, exist_ok=True)
    for part, step in (("train", 1), ("t10k", -1)):
        for kind, array in (("images-idx3", IMAGES[::step]), ("labels-idx1", LABELS[::step])):
            name = f"{part}-{kind}-ubyte".replace("-idx", f"{joint}idx")
            content = idx(array)
            (directory / (name + ".gz" if pack else name)).write_bytes(gzip.compress(content) if pack else content)


def assert_loaded(datasets):
    train, test = datasets
    for dataset, step in ((train, 1), (test, -1)):
        np.testing.assert_array_equal(dataset.images[:, 0], IMAGES[::step])
        np.testing.assert_array_equal(dataset.labels, LABELS[::step])
        assert dataset.labels.dtype == np.int64 and dataset.classes == 10


@pytest.mark.parametrize("joint", ["-", "."])
@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_four_files_are_read_in_each_spelling(tmp_path, joint, pack, name):
    write_files(tmp_path, joint, pack)
    assert_loaded(load_mnist(name, tmp_path))
    assert_loaded(load_mnist(name, str(tmp_path)))


def test_a_missing_file_is_named_with_its_directory(tmp_path):
    write_files(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError) as raised:
        load_mnist("mnist", tmp_path)
    assert str(raised.value) == f"mnist: the directory {tmp_path} has no t10k-labels-idx1-ubyte.gz"


@pytest.mark.parametrize(
    "file, array, message",
    [
        ("train-labels-idx1", LABELS[:4], r"labels-idx1-ubyte: has 4 labels, .*train-images-idx3-ubyte has 5 images"),
        ("train-labels-idx1", np.array([0, 1, 10, 2, 3], np.uint8), "label 10 at index 2, expected 0 to 9"),
        ("train-images-idx3", IMAGES[:, :27], r"images have shape \(27, 28\), expected \(28, 28\)"),
        ("train-images-idx3", LABELS, "starts with '00 00 08 01'"),
        ("train-labels-idx1", IMAGES, "starts with '00 00 08 03'"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, file, array, message):
    write_files(tmp_path, pack=False)
    (tmp_path / f"{file}-ubyte").write_bytes(idx(array))
    with pytest.raises(FormatError, match=message):
        load_mnist("mnist", tmp_path)


def assert_has_moments(dataset, mean, std):
    first, second = dataset.images.mean(), np.square(dataset.images, dtype=np.uint16).mean()  # 255² fits into 16 bits
    assert (round(first / 255, 4), round(np.sqrt(second - first**2) / 255, 4)) == (mean, std)


@pytest.mark.data
def test_the_real_mnist(mnist_dir):
    train, test = load_mnist("mnist", mnist_dir)
    assert train.images.shape == (60000, 1, 28, 28) and test.images.shape == (10000, 1, 28, 28)
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert_has_moments(train, 0.1307, 0.3081)


DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_the_real_fashion_mnist_of_debian():
    train, test = load_mnist("fashion-mnist", DEBIAN)
    assert train.images.shape == (60000, 1, 28, 28) and test.images.shape == (10000, 1, 28, 28)
    assert np.bincount(train.labels).tolist() == [6000] * 10
    assert_has_moments(train, 0.2860, 0.3530)
