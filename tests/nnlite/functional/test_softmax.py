import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import check_dtypes_and_layouts, check_gradients, sample

from nnlite import Tensor
from nnlite import functional as F


def along(z, dim, formula):
    """formula(list of numbers) -> list, for each line of z along dim."""
    return np.apply_along_axis(lambda numbers: np.array(formula(numbers.tolist())), dim, z)


def softmax(numbers):
    total = math.fsum(math.exp(t) for t in numbers)
    return [math.exp(t) / total for t in numbers]


def log_softmax(numbers):
    return [t - math.log(math.fsum(math.exp(s) for s in numbers)) for t in numbers]


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize(("function", "formula"), [(F.softmax, softmax), (F.log_softmax, log_softmax)])
@settings(deadline=None, max_examples=25)
@given(st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 9)), st.integers(0, 2**32 - 1))
def test_the_result_equals_its_formula(function, formula, dim, shape, seed):
    z = np.random.default_rng(seed).normal(0, 3, shape)
    # Numbers up to about 20, so that ln and the subtractions round to 20·eps; at most nine numbers are summed.
    np.testing.assert_allclose(function(z, dim).data, along(z, dim, formula), rtol=0, atol=40 * np.finfo(float).eps)


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
def test_gradients_of_softmax_and_its_logarithm(function, dim):
    check_gradients(lambda z: function(z, dim), (2, 3, 4))
    check_gradients(lambda z: function(z, dim), (10, 5, 20))
    check_dtypes_and_layouts(lambda z: function(z, dim), (3, 4, 5))


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
def test_the_last_axis_is_the_default(function):
    z = sample((2, 3, 4))
    assert function(z).data.tolist() == function(z, 2).data.tolist()
    check_gradients(function, (5,))


def test_a_softmax_sums_to_1_and_a_shift_changes_nothing():
    z = sample((4, 7))
    np.testing.assert_allclose(F.softmax(z).data.sum(axis=1), 1, rtol=1e-15 * 7)
    np.testing.assert_array_equal(F.softmax(z + 1024).data, F.softmax((z + 1024) - 1024).data)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_ten_thousand_overflow_nowhere(dtype):
    z = Tensor(np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4]], dtype), requires_grad=True)
    log_p = F.log_softmax(z)
    log_p.backward(np.array([[0, 1, 0], [1, 0, 0]]))
    assert log_p.data[0].tolist() == [0, -2e4, -1e4]
    np.testing.assert_allclose(log_p.data[1], -math.log(3), rtol=np.finfo(dtype).eps)
    np.testing.assert_allclose(z.grad, [[-1, 1, 0], [2 / 3, -1 / 3, -1 / 3]], rtol=4 * np.finfo(dtype).eps)
    assert F.softmax(z).data[0].tolist() == [1, 0, 0]


def test_a_logit_of_minus_infinity_has_probability_0():
    z = np.array([0.0, -np.inf, 0.0])
    assert F.softmax(z).data.tolist() == [0.5, 0, 0.5]
    assert F.log_softmax(z).data.tolist() == [-math.log(2), -np.inf, -math.log(2)]


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
def test_an_empty_batch_stays_empty_and_a_dim_that_is_not_there_is_refused(function):
    assert function(np.ones((0, 3))).shape == (0, 3)
    with pytest.raises(ValueError, match="axis 2 is out of bounds for array of dimension 2"):
        function(np.ones((2, 3)), 2)


@pytest.mark.parametrize(("dim", "keepdim"), [(0, False), (-1, True), ((0, 2), False), ((0, 1, 2), True)])
def test_logsumexp_is_the_logarithm_of_a_sum_of_powers_of_e(dim, keepdim):
    x = sample((2, 3, 4))
    expected = np.log(np.exp(x).sum(axis=dim, keepdims=keepdim))
    np.testing.assert_allclose(F.logsumexp(x, dim, keepdim).data, expected, rtol=1e-14, atol=1e-15)
    check_gradients(lambda x: F.logsumexp(x, dim, keepdim), (2, 3, 4))
    check_dtypes_and_layouts(lambda x: F.logsumexp(x, dim, keepdim), (2, 3, 4))


def test_logsumexp_of_large_numbers_and_of_minus_infinity():
    x = Tensor(np.array([[1e4, 1e4], [-np.inf, 2.0], [-np.inf, -np.inf]]), requires_grad=True)
    y = F.logsumexp(x, 1)
    y.backward(np.ones(3))
    np.testing.assert_allclose(y.data, [1e4 + math.log(2), 2, -np.inf], rtol=1e-15)
    assert x.grad.tolist() == [[0.5, 0.5], [0, 1], [0, 0]]


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
def test_no_numbers_have_no_probabilities_and_one_number_has_all(function):
    assert function(np.zeros((3, 0))).shape == (3, 0) and function(np.zeros((0, 3))).shape == (0, 3)
    assert function(np.array(5.0)).data == (1 if function is F.softmax else 0)
