import numpy as np
import pytest

from nnlite import data
from nntransfer.domains import class_prototypes, prototype_logits

rng = np.random.default_rng(8)


def test_prototypes_are_means_and_logits_squared_distances():
    x, labels = rng.standard_normal((9, 3)), np.array([0, 2, 1, 2, 2, 0, 1, 0, 2])
    c = class_prototypes(x, labels, 3)
    np.testing.assert_allclose(c[2], (x[1] + x[3] + x[4] + x[8]) / 4, rtol=1e-12)
    z = prototype_logits(x, c)
    assert z.shape == (9, 3) and z[4, 1] == pytest.approx(-np.linalg.norm(x[4] - c[1]) ** 2, rel=1e-12)
    assert prototype_logits(x.astype(np.float32), c.astype(np.float32)).dtype == np.float32


def test_five_examples_a_class_already_tell_most_digits():
    training, test = data.load("digits")
    few = training.few(5, rng=0)
    c = class_prototypes(few.images.reshape(50, -1) / 255, few.labels, 10)
    right = (prototype_logits(test.images.reshape(360, -1) / 255, c).argmax(axis=1) == test.labels).mean()
    assert right > 0.75


@pytest.mark.parametrize(("labels", "message"), [
    ([0, 1], r"class_prototypes: 3 samples, labels int64 \(2,\), expected one whole number for each"),
    ([0, 1, 3], "class_prototypes: labels from 0 to 3, expected 0 to 2"),
    ([0, 0, 2], "class_prototypes: class 1 of 3 has no example")])
def test_a_class_without_a_prototype_is_refused(labels, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        class_prototypes(np.zeros((3, 2)), labels, 3)


def test_other_features_are_refused():
    with pytest.raises(ValueError, match="^prototype_logits: samples of 2 features, prototypes of 3$"):
        prototype_logits(np.zeros((4, 2)), np.zeros((2, 3)))
