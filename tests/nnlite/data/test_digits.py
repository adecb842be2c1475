import hashlib
from pathlib import Path

import numpy as np
import pytest

import nnlite.data.digits
from nnlite.data.digits import load_digits

NPZ = Path(nnlite.data.digits.__file__).with_name("digits.npz")


def published():
    with np.load(NPZ, allow_pickle=False) as file:
        return file["images"], file["labels"]


def test_the_bundled_numbers_are_the_published_ones():
    images, labels = published()
    assert images.shape == (1797, 8, 8) and labels.shape == (1797,)
    assert images.dtype == labels.dtype == np.uint8
    # "Class distribution" of UCI's description, testing set
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert images.min() == 0 and images.max() == 16
    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    assert digest == "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"


def test_the_bundled_numbers_equal_scikit_learns():
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    images, labels = published()
    theirs = sklearn_datasets.load_digits()
    np.testing.assert_array_equal(images, theirs.images)
    np.testing.assert_array_equal(labels, theirs.target)


def test_train_and_test_share_no_image_and_leave_none_out():
    def rows(images):
        return sorted(image.tobytes() for image in images)

    train, test = load_digits()
    assert (len(train), len(test)) == (1437, 360)
    assert train.images.shape == (1437, 1, 8, 8) and train.images.dtype == np.uint8
    values, labels = published()
    scaled = np.array([round(v * 255 / 16) for v in range(17)], np.uint8)[values]  # Python's round, also half to even
    assert rows(scaled) == rows([*train.images, *test.images])
    assert len(set(rows(scaled))) == 1797  # all different: so no test image is also a training image
    label_of = {image.tobytes(): label for image, label in zip(scaled, labels, strict=True)}
    for part in (train, test):
        assert part.labels.tolist() == [label_of[image.tobytes()] for image in part.images]


def test_each_class_has_its_fifth_in_the_test_part():
    train, test = load_digits()
    all_of_class = np.bincount(train.labels) + np.bincount(test.labels)
    assert (abs(np.bincount(test.labels) - all_of_class / 5) < 1).all()


def test_the_split_never_changes():
    _, test = load_digits()
    _, again = load_digits()
    np.testing.assert_array_equal(test.images, again.images)
    assert hashlib.sha256(test.images.tobytes()).hexdigest()[:16] == "b360c510f4e26581"
