
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from support import check_dtypes_and_layouts, check_gradients

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


@pytest.mark.parametrize("name", BINARY)
def test_shapes_that_do_not_broadcast_are_named(name):
    with pytest.raises(ValueError, match=rf"^{name}: shapes \(2, 3\) and \(4,\) do not broadcast together$"):
        BINARY[name][0](np.ones((2, 3)), np.ones(4))


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


@pytest.mark.parametrize("function", [F.add, F.divide, F.power, F.clamp, F.maximum])
def test_a_number_in_float64_leaves_float32_as_it_is(function):
    x = Tensor(np.ones(3, np.float32), requires_grad=True)
    y = function(x, np.float64(0.5))
    y.backward(np.ones(3))
    assert y.dtype == x.grad.dtype == np.float32


OTHERS = [np.ones(3), np.arange(1, 4), np.arange(3) < 3, Tensor([1, 2, 3]), [0.5, 1, 2], np.float64(2)]


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("function", [F.add, F.subtract, F.multiply, F.divide, F.power, F.maximum, F.mse_loss, F.l1_loss])
def test_a_float32_tensor_stays_float32_beside_plain_arrays_and_whole_numbers(function, other):
    x = Tensor(np.float32([1, 2, 3]), requires_grad=True)
    if np.ndim(other) or function not in (F.mse_loss, F.l1_loss):
        y = function(x, other)
        y.sum().backward()
        assert y.dtype == x.grad.dtype == np.float32


def test_float64_tensors_and_arrays_alone_keep_float64():
    x32, x64 = np.ones(3, np.float32), np.ones(3)
    assert F.add(Tensor(x32), Tensor(x64)).dtype == F.add(x32, x64).dtype == F.add(Tensor(x64), x32).dtype == np.float64
    assert F.exp(Tensor([1, 2])).dtype == F.multiply(Tensor([1, 2]), 0.5).dtype == np.float32


def test_the_gradient_of_the_opposite_number_is_the_opposite_of_the_gradient():
    assert F.negative(np.array([3.0, -0.5])).data.tolist() == [-3, 0.5]
    check_gradients(F.negative, (2, 3))
    check_dtypes_and_layouts(F.negative, (4, 3, 5))
