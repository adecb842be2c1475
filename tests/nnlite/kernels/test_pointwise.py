import math

import numpy as np
import pytest
from support import every_other_reversed

from nnlite.kernels.loops.pointwise import relu_formula, relu_gradient_formula


@pytest.mark.parametrize("x", [0.0, 0.3, -1.0, 2.5])
def test_erf_equals_its_integral(shelf, x):
    t = np.linspace(0, x, 2001)
    simpson = np.full(t.shape, 2.0)
    simpson[1::2], simpson[[0, -1]] = 4, 1
    integral = (simpson * np.exp(-(t**2))).sum() * x / 6000
    assert shelf.erf(np.array([x]))[0] == pytest.approx(2 / math.sqrt(math.pi) * integral, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erf_takes_any_shape_and_layout_and_keeps_the_dtype(shelf, dtype):
    x = np.linspace(-4, 4, 24).reshape(2, 3, 4).astype(dtype)
    expected = np.array([math.erf(t) for t in x.reshape(-1)]).reshape(x.shape)
    for view in (x, x.T, every_other_reversed(x), x[0, 0, 0], x[:, :0]):
        assert shelf.erf(view).dtype == dtype
    np.testing.assert_allclose(shelf.erf(x), expected, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(shelf.erf(x.T), shelf.erf(x).T)
    np.testing.assert_array_equal(shelf.erf(np.array([-np.inf, np.inf, np.nan], dtype)), [-1, 1, np.nan])


def test_rows_with_the_same_index_are_added_up(shelf):
    total = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    shelf.add_rows(np.array([[10.0, 20.0], [100.0, 200.0], [1000.0, 2000.0]]), np.array([2, 0, 2]), total)
    assert total.tolist() == [[101, 201], [2, 2], [1013, 2023]]


def test_no_rows_add_nothing(shelf):
    total = np.ones((2, 3))
    shelf.add_rows(np.empty((0, 3)), np.empty(0, np.int64), total)
    assert (total == 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 3, 1, 2), (3, 2, 1, 0)])
def test_relu_is_the_larger_of_a_number_and_zero_in_any_order_of_memory(shelf, dtype, axes):
    x = np.random.default_rng(0).standard_normal((3, 5, 4, 6)).astype(dtype).transpose(axes)
    y = shelf.relu(x)
    np.testing.assert_array_equal(y, np.where(x > 0, x, 0))
    assert y.dtype == dtype and y.strides == x.strides


def test_relu_keeps_a_nan_and_has_no_negative_zero(shelf):
    y = shelf.relu(np.array([np.nan, -0.0, -np.inf, np.inf]))
    np.testing.assert_array_equal(y, [np.nan, 0, 0, np.inf])
    assert not np.signbit(y[1])


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 2, 3, 1)])
def test_relu_gradient_passes_where_the_result_is_positive_whatever_the_order_of_dy_in_memory(shelf, axes):
    rng = np.random.default_rng(0)
    y = np.maximum(rng.standard_normal((3, 5, 4, 6)), 0)
    dy = rng.standard_normal([y.shape[a] for a in axes]).transpose(np.argsort(axes))
    np.testing.assert_array_equal(shelf.relu_gradient(dy, y), np.where(y > 0, dy, 0))


def test_relu_of_nothing_is_nothing(shelf):
    assert shelf.relu(np.empty((0, 3), np.float32)).shape == (0, 3)


def test_the_formulas_of_relu_and_its_gradient_worked_by_hand():
    y = relu_formula(np.array([-2.0, 0.0, 3.0, np.nan]))
    np.testing.assert_array_equal(y, [0, 0, 3, np.nan])
    np.testing.assert_array_equal(relu_gradient_formula(np.array([5.0, 6.0, 7.0]), y[:3]), [0, 0, 7])
