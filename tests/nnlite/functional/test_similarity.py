import math

import numpy as np
import pytest
from support import check_dtypes_and_layouts, check_gradients, sample

from nnlite import functional as F


@pytest.mark.parametrize(("shapes", "dim"), [
    (((2, 3), (2, 3)), 1), (((4,), (4,)), 0), (((2, 3, 4), (3, 1)), -2), (((3, 5), (5,)), 1),
])
def test_the_cosine_is_the_product_of_two_vectors_of_length_1(shapes, dim):
    a, b = np.broadcast_arrays(sample(shapes[0]), sample(shapes[1], 1))
    rows = [np.moveaxis(x, dim, -1).reshape(-1, x.shape[dim]).tolist() for x in (a, b)]
    expected = [math.fsum(p * q for p, q in zip(u, v, strict=True)) / (math.hypot(*u) * math.hypot(*v))
                for u, v in zip(*rows, strict=True)]
    y = F.cosine_similarity(sample(shapes[0]), sample(shapes[1], 1), dim)
    np.testing.assert_allclose(y.data.reshape(-1), expected, rtol=1e-13)
    check_gradients(lambda a, b: F.cosine_similarity(a, b, dim), *shapes)
    check_dtypes_and_layouts(lambda a, b: F.cosine_similarity(a, b, dim), *shapes)


def test_a_vector_shorter_than_eps_is_divided_by_eps():
    a, b = np.array([0.3, 0.4]), np.array([5.0, 0.0])
    np.testing.assert_allclose(F.cosine_similarity(a, b, 0, eps=2).data, 1.5 / (2 * 5), rtol=1e-15)
    check_gradients(lambda a, b: F.cosine_similarity(a, b, 0, eps=2), a, b)


def test_a_vector_of_zeros_is_like_none():
    assert F.cosine_similarity(np.zeros(3), np.ones(3), 0).data == 0


def test_shapes_and_axes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"^cosine_similarity: shapes \(2, 3\) and \(4,\) do not broadcast together$"):
        F.cosine_similarity(np.ones((2, 3)), np.ones(4))
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        F.cosine_similarity(np.ones((2, 3)), np.ones(3), 2)
