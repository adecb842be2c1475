import numpy as np
import pytest

from nnlite import data
from nnlite.errors import FormatError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (20, 6, 9), np.uint8)


def npz(tmp_path, **arrays):
    path = tmp_path / "own.npz"
    np.savez_compressed(path, **arrays)
    return path


def test_classes_are_the_sorted_labels_and_keep_them_as_names(tmp_path):
    labels = np.array([10, 9, -1, 9] * 5)
    train, test = data.load(npz(tmp_path, images=IMAGES, labels=labels, test_images=IMAGES[:3], test_labels=labels[:3]))
    assert train.names == test.names == ("-1", "9", "10")
    assert train.labels.tolist() == [2, 1, 0, 1] * 5 and test.labels.tolist() == [2, 1, 0]
    np.testing.assert_array_equal(train.images[:, 0], IMAGES)


def test_without_a_test_part_a_fifth_of_each_class_is_held_out(tmp_path):
    train, test = data.load(str(npz(tmp_path, images=IMAGES, labels=["a"] * 10 + ["b"] * 10)))
    assert np.bincount(train.labels).tolist() == [8, 8] and np.bincount(test.labels).tolist() == [2, 2]
    assert {image.tobytes() for image in [*train.images, *test.images]} == {image.tobytes() for image in IMAGES}


@pytest.mark.parametrize("arrays, message", [
    (dict(labels=np.zeros(20)), "labels are float64, expected whole numbers or text; labels.astype"),
    (dict(labels=np.zeros(20, int)), "the labels are all 0, there is nothing to tell apart"),
    (dict(labels=np.zeros(0, int)), "no labels"),
    (dict(labels=np.eye(20, dtype=int)), r"labels have shape \(20, 20\)"),
    (dict(labels=np.arange(4) % 2), "20 images but 4 labels"),
    (dict(labels=[0] + [1] * 19), "class '0' has 1 sample"),
    (dict(test_images=IMAGES[:1], test_labels=[7]), "test label 7 at index 0 is not among the training labels"),
    (dict(test_images=IMAGES[:1], test_labels=["0"]), "test labels are <U1, training labels int64"),
    (dict(test_images=IMAGES[:1, :5], test_labels=[0]), r"training images are \(1, 6, 9\) uint8, test images \(1, 5, 9\)"),
    (dict(test_images=IMAGES[:1] / 255, test_labels=[0]), r"training images are \(1, 6, 9\) uint8, test .* float32"),
])
def test_what_does_not_fit_is_named_with_the_file(tmp_path, arrays, message):
    path = npz(tmp_path, **dict(images=IMAGES, labels=np.arange(20) % 2) | arrays)
    with pytest.raises(FormatError, match=f"^{path}: .*{message}"):
        data.load(path)


def test_a_path_needs_no_directory_and_is_not_augmented(tmp_path):
    path = npz(tmp_path, images=IMAGES, labels=np.arange(20) % 2)
    with pytest.raises(ValueError, match="own.npz is a path by itself, .* is for mnist, fashion-mnist, cifar10"):
        data.load(path, tmp_path)
    assert data.augmentation(path) == []
    with pytest.raises(FileNotFoundError, match="there is no file nothing.npz"):
        data.load("nothing.npz")


def test_normalization_is_measured_on_each_channel_of_the_training_part():
    images = RNG.integers(0, 256, (30, 3, 6, 9), np.uint8)
    images[:, 1] = 77
    train = data.Dataset(images, np.arange(30) % 2, 2)
    y = data.prepare(train, train)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=(0, 2, 3)), [1, 0, 1], atol=1e-5)
    other = np.full((1, 3, 6, 9), 51, np.uint8)
    expected = (0.2 - (images[:, 2] / 255).mean()) / (images[:, 2] / 255).std()
    np.testing.assert_allclose(data.prepare(other, train)[0, 2], expected, rtol=1e-5)


def test_columns_of_a_table_are_normalized_one_by_one():
    rows = RNG.standard_normal((50, 3)) * [1, 1000, 0] + [5, -3e6, 0.1]
    train = data.Dataset(rows, np.arange(50) % 2, 2)
    y = data.prepare(train, train)
    kept = rows.astype(np.float32).astype(float)[:, :2]
    np.testing.assert_allclose(y[:, :2], (kept - kept.mean(0)) / kept.std(0), atol=1e-2)
    assert not y[:, 2].any()
    (batch, _), = data.DataLoader(train, 50, transform=data.preprocessing(train))
    np.testing.assert_array_equal(batch, y)
