import math

import numpy as np
import pytest
from support import every_other_reversed

from nnlite.kernels import add_rows, erf


@pytest.mark.parametrize("x", [0.0, 0.3, -1.0, 2.5])
def test_erf_equals_its_integral(x):
    t = np.linspace(0, x, 2001)
    simpson = np.full(t.shape, 2.0)
    simpson[1::2], simpson[[0, -1]] = 4, 1
    integral = (simpson * np.exp(-(t**2))).sum() * x / 6000
    assert erf(np.array([x]))[0] == pytest.approx(2 / math.sqrt(math.pi) * integral, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erf_takes_any_shape_and_layout_and_keeps_the_dtype(dtype):
    x = np.linspace(-4, 4, 24).reshape(2, 3, 4).astype(dtype)
    expected = np.array([math.erf(t) for t in x.reshape(-1)]).reshape(x.shape)
    for view in (x, x.T, every_other_reversed(x), x[0, 0, 0], x[:, :0]):
        assert erf(view).dtype == dtype
    np.testing.assert_allclose(erf(x), expected, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(erf(x.T), erf(x).T)
    np.testing.assert_array_equal(erf(np.array([-np.inf, np.inf, np.nan], dtype)), [-1, 1, np.nan])


def test_rows_with_the_same_index_are_added_up():
    total = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    add_rows(np.array([[10.0, 20.0], [100.0, 200.0], [1000.0, 2000.0]]), np.array([2, 0, 2]), total)
    assert total.tolist() == [[101, 201], [2, 2], [1013, 2023]]


def test_no_rows_add_nothing():
    total = np.ones((2, 3))
    add_rows(np.empty((0, 3)), np.empty(0, np.int64), total)
    assert (total == 1).all()
