import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from support import check_dtypes_and_layouts, check_gradients, positive, sample

from nnlite import Tensor
from nnlite import functional as F
from nnlite.functional.elementwise import Divide, unbroadcast

SHAPES = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1, 3), (4, 1)), ((), (2, 3)), ((2, 3), ()), ((1,), (1, 1))]
BINARY = {
    "add": (F.add, lambda x, y: x + y),
    "subtract": (F.subtract, lambda x, y: x - y),
    "multiply": (F.multiply, lambda x, y: x * y),
    "divide": (F.divide, lambda x, y: x / y),
}
UNARY = {  # function, formula of one number, exactly the same bits?
    "power 2": (lambda x: F.power(x, 2), lambda x: x * x, True),
    "power -1.5": (lambda x: F.power(x, -1.5), lambda x: 1 / (x * math.sqrt(x)), False),
    "base 2": (lambda x: F.power(2, Tensor(x) if not isinstance(x, Tensor) else x), lambda x: 2**x, False),
    "negative": (F.negative, lambda x: -x, True),
    "exp": (F.exp, math.exp, False),
    "log": (F.log, math.log, False),
    "sqrt": (F.sqrt, math.sqrt, True),
    "absolute": (F.absolute, abs, True),
    "clamp": (lambda x: F.clamp(x, 0.77, 1.55), lambda x: min(max(x, 0.77), 1.55), True),
    "clamp below": (lambda x: F.clamp(x, min=0.77), lambda x: max(x, 0.77), True),
    "clamp above": (lambda x: F.clamp(x, max=0.77), lambda x: min(x, 0.77), True),
}
SIGNED = ["power 2", "base 2", "negative", "exp", "absolute", "clamp", "clamp below", "clamp above"]


@pytest.mark.parametrize("name", BINARY)
@settings(deadline=None, max_examples=25)
@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0), st.integers(0, 2**32 - 1))
def test_arithmetic_broadcasts_and_equals_pythons(name, shapes, seed):
    function, formula = BINARY[name]
    rng = np.random.default_rng(seed)
    x, y = (rng.uniform(0.5, 2, shape) for shape in shapes.input_shapes)
    z = function(x, y).data
    assert z.shape == shapes.result_shape
    assert z.reshape(-1).tolist() == [formula(float(a), float(b)) for a, b in np.broadcast(x, y)]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("name", BINARY)
def test_gradients_of_arithmetic(name, shapes):
    check_gradients(BINARY[name][0], *shapes)


@pytest.mark.parametrize("name", BINARY)
def test_gradients_of_arithmetic_on_large_arrays_and_with_numbers(name):
    function, _ = BINARY[name]
    check_gradients(function, (30, 40), (40,))
    check_gradients(lambda x: function(x, 3), (2, 3))
    check_gradients(lambda x: function(3.5, x), (2, 3))


@pytest.mark.parametrize("name", BINARY)
def test_arithmetic_in_all_dtypes_and_layouts(name):
    check_dtypes_and_layouts(BINARY[name][0], (5, 4, 3), (4, 1))


@pytest.mark.parametrize("name", UNARY)
def test_each_number_is_mapped_by_the_formula(name):
    function, formula, exact = UNARY[name]
    x = sample((4, 5)) if name in SIGNED else positive((4, 5))
    expected = np.array([formula(t) for t in x.reshape(-1).tolist()]).reshape(x.shape)
    np.testing.assert_allclose(function(x).data, expected, rtol=0 if exact else 8 * np.finfo(float).eps)
    assert function(x[0, 0]).shape == () and function(x[:0]).shape == (0, 5)


@pytest.mark.parametrize("shape", [(), (2, 3), (1, 2, 3, 2), (20, 30)])
@pytest.mark.parametrize("name", UNARY)
def test_gradients_of_functions(name, shape):
    check_gradients(UNARY[name][0], sample(shape) if name in SIGNED else positive(shape))


@pytest.mark.parametrize("name", UNARY)
def test_functions_in_all_dtypes_and_layouts(name):
    check_dtypes_and_layouts(UNARY[name][0], positive((4, 3, 5)))


def gradient(function, x):
    x = Tensor(np.array(x, np.float64), requires_grad=True)
    function(x).backward(np.ones(x.shape))
    return x.grad.tolist()


def test_a_power_of_two_tensors_has_both_gradients():
    x, p = positive((2, 3)), sample((3,), 1)
    expected = np.reshape([math.pow(a, b) for a, b in np.broadcast(x, p)], (2, 3))
    np.testing.assert_allclose(F.power(x, Tensor(p)).data, expected, rtol=1e-14)
    check_gradients(F.power, x, p)


def test_an_array_of_exponents_broadcasts():
    p = np.array([[1.0], [2.0], [3.0]])
    assert F.power(np.array([2.0, 3.0]), p).data.tolist() == [[2, 3], [4, 9], [8, 27]]
    check_gradients(lambda x: F.power(x, p), (2,))


def test_a_power_of_0_is_1_and_has_no_gradient_anywhere():
    assert F.power(np.array([-2.0, 0.0]), 0).data.tolist() == [1, 1]
    assert gradient(lambda x: F.power(x, 0), [-2, 0, 3]) == [0, 0, 0]
    assert gradient(lambda x: F.power(x, np.array([0.0, 1.0, 2.0])), [0, 0, 0]) == [0, 1, 0]


@pytest.mark.parametrize("function", [F.power, F.clamp, F.add, F.divide])
def test_a_number_in_float64_leaves_float32_as_it_is(function):
    x = Tensor(np.ones(3, np.float32), requires_grad=True)
    y = function(x, np.float64(0.5))
    y.backward(np.ones(3))
    assert y.dtype == x.grad.dtype == np.float32


def test_the_gradient_of_the_absolute_value_is_0_at_0():
    assert gradient(F.absolute, [-2, 0, 3]) == [-1, 0, 1]


def test_a_number_at_the_limit_of_a_clamp_still_has_its_gradient_and_a_nan_none():
    assert gradient(lambda x: F.clamp(x, -1, 1), [-1.5, -1, 0, 1, 1.5, np.nan]) == [0, 1, 1, 1, 0, 0]


def test_clamp_without_limits_changes_nothing():
    assert F.clamp(np.array([-9.0, 9.0])).data.tolist() == [-9, 9]
    assert gradient(F.clamp, [-9, 9]) == [1, 1]


def test_where_takes_from_x_where_the_condition_holds_and_broadcasts():
    condition = np.array([[True], [False]])
    z = F.where(Tensor(condition), np.array([1.0, 2.0, 3.0]), 9.0)
    assert z.data.tolist() == [[1, 2, 3], [9, 9, 9]]


@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((3,), (2, 1)), ((), (1, 3)), ((3,), ())])
def test_gradients_of_where(shapes):
    condition = np.array([[True, False, True], [False, False, True]])
    check_gradients(lambda x, y: F.where(condition, x, y), *shapes)
    check_dtypes_and_layouts(lambda x, y: F.where(condition, x, y), *shapes)


def test_where_does_not_let_the_side_that_is_not_taken_into_the_gradient():
    x = Tensor(np.array([-1.0, 4.0]), requires_grad=True)
    F.where(x.data > 0, x, 0.0).backward(np.array([np.inf, 1.0]))
    assert x.grad.tolist() == [0, 1]


@pytest.mark.parametrize("name", BINARY)
def test_shapes_that_do_not_broadcast_are_named(name):
    with pytest.raises(ValueError, match=rf"^{name}: shapes \(2, 3\) and \(4,\) do not broadcast together$"):
        BINARY[name][0](np.ones((2, 3)), np.ones(4))


def test_where_names_all_three_shapes():
    with pytest.raises(ValueError, match=r"^where: shapes \(2,\) and \(3,\) and \(3,\) do not broadcast together$"):
        F.where(np.array([True, False]), np.ones(3), np.ones(3))


def test_unbroadcast_sums_over_what_was_repeated():
    dx = np.arange(24.0).reshape(2, 3, 4)
    assert unbroadcast(dx, ()) == 276
    assert unbroadcast(dx, (1,)).tolist() == [276]
    assert unbroadcast(dx, (3, 1)).tolist() == [[60], [92], [124]]  # row r: 0+1+2+3+16r and 12 more for each of them
    assert unbroadcast(dx, (1, 1, 4)).tolist() == [[[60, 66, 72, 78]]]
    assert unbroadcast(dx, (2, 3, 4)).tolist() == dx.tolist()


def test_an_operation_works_on_plain_arrays():
    operation = Divide()
    assert operation.forward(np.array([6.0, 1.0]), np.array(2.0)).tolist() == [3, 0.5]
    dx, dy = operation.backward(np.array([1.0, 10.0]))
    assert dx.tolist() == [0.5, 5] and dy == -(6 / 4 + 10 / 4)
