import math
from statistics import NormalDist

import numpy as np
import pytest
from support import check_dtypes_and_layouts, check_gradients, sample

from nnlite import Tensor
from nnlite import functional as F

ACTIVATIONS = {
    "relu": (F.relu, lambda x: max(x, 0)),
    "leaky_relu": (F.leaky_relu, lambda x: x if x > 0 else 0.01 * x),
    "leaky_relu 0.3": (lambda x: F.leaky_relu(x, 0.3), lambda x: x if x > 0 else 0.3 * x),
    "sigmoid": (F.sigmoid, lambda x: 1 / (1 + math.exp(-x))),
    "tanh": (F.tanh, lambda x: (math.exp(2 * x) - 1) / (math.exp(2 * x) + 1)),
    "softplus": (F.softplus, lambda x: math.log(1 + math.exp(x))),
    "softplus 2.5": (lambda x: F.softplus(x, 2.5), lambda x: math.log(1 + math.exp(2.5 * x)) / 2.5),
    # ½ (1 + tanh u) = σ(2u)
    "gelu by tanh": (lambda x: F.gelu(x, "tanh"),
                     lambda x: x / (1 + math.exp(-2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    "gelu": (F.gelu, lambda x: x * NormalDist().cdf(x)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_number_is_mapped_by_the_formula(name):
    function, formula = ACTIVATIONS[name]
    x = np.concatenate([sample((4, 5)).reshape(-1), [0.0, 5.0, -5.0, 1e-3, -1e-3]])
    # A few roundings, of numbers up to 1: e^2x − 1 and the tail of the normal distribution lose digits when they are small.
    np.testing.assert_allclose(function(x).data, [formula(t) for t in x.tolist()], rtol=1e-14, atol=1e-15)
    assert function(x[0]).shape == () and function(x[:0]).shape == (0,)


@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 2, 2), (20, 30)])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients_of_activations(name, shape):
    check_gradients(ACTIVATIONS[name][0], shape)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_in_all_dtypes_and_layouts(name):
    check_dtypes_and_layouts(ACTIVATIONS[name][0], (4, 3, 5))


@pytest.mark.parametrize(("function", "slope"), [(F.relu, 0), (F.leaky_relu, 0.01)])
def test_at_the_kink_the_gradient_is_that_of_the_negative_side(function, slope):
    x = Tensor(np.zeros(2), requires_grad=True)
    function(x).backward(np.array([1.0, -3.0]))
    assert x.grad.tolist() == [slope, -3 * slope]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("function", "limits"), [
    (F.relu, [0, 1e4]), (F.leaky_relu, [-100, 1e4]), (F.sigmoid, [0, 1]), (F.tanh, [-1, 1]), (F.gelu, [0, 1e4]),
])
def test_large_numbers_overflow_nowhere(function, limits, dtype):
    x = Tensor(np.array([-1e4, 1e4], dtype), requires_grad=True)
    y = function(x)
    y.backward(np.ones(2))
    np.testing.assert_allclose(y.data, limits, rtol=np.finfo(dtype).eps)
    assert np.isfinite(x.grad).all()


def test_a_small_sigmoid_keeps_its_digits():
    x = np.array([-20, -50, -80], np.float32)
    np.testing.assert_allclose(F.sigmoid(x).data, [math.exp(t) for t in x], rtol=1e-6)  # e^x / (1 + e^x), e^x < 2·10⁻⁹


def test_a_slope_in_float64_leaves_float32_as_it_is():
    assert F.leaky_relu(np.ones(3, np.float32), np.float64(0.2)).dtype == np.float32


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_nan_stays_a_nan(name):
    assert np.isnan(ACTIVATIONS[name][0](np.array([np.nan])).data).all()


def test_softplus_overflows_nowhere_and_keeps_small_numbers():
    x = Tensor(np.array([-1e4, -40.0, 0.0, 1e4]), requires_grad=True)
    y = F.softplus(x)
    y.backward(np.ones(4))
    np.testing.assert_allclose(y.data, [0, math.exp(-40), math.log(2), 1e4], rtol=1e-15)
    np.testing.assert_allclose(x.grad, [0, math.exp(-40), 0.5, 1], rtol=1e-15, atol=1e-16)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: F.softplus(np.ones(2), 0), r"^softplus: beta has to be above 0, got 0$"),
    (lambda: F.gelu(np.ones(2), "erf"), r'^gelu: approximate has to be "none" or "tanh", got \'erf\'$'),
])
def test_options_outside_of_their_range_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("name, function", [("relu", F.relu), ("gelu", F.gelu)])
@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_dtypes_that_the_kernels_do_not_take_are_named(name, function, dtype):
    with pytest.raises(TypeError, match=f"^{name}: expects float32, float64 or whole numbers, got {np.dtype(dtype)}$"):
        function(np.ones(3, dtype))


def test_whole_numbers_have_a_relu():
    assert F.relu(np.array([-2, 0, 3])).data.tolist() == [0, 0, 3]
