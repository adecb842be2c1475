import math

import numpy as np
import pytest
from support import check_dtypes_and_layouts, check_gradients, positive, sample

from nnlite import Tensor
from nnlite import functional as F

UNARY = {  # function, formula of one number, exactly the same bits?
    "power 2": (lambda x: F.power(x, 2), lambda x: x * x, True),
    "power -1.5": (lambda x: F.power(x, -1.5), lambda x: 1 / (x * math.sqrt(x)), False),
    "base 2": (lambda x: F.power(2, Tensor(x) if not isinstance(x, Tensor) else x), lambda x: 2**x, False),
}
SIGNED = ["power 2", "base 2"]


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


def both_gradients(x, p):
    x, p = (Tensor(np.array(a, np.float64), requires_grad=True) for a in (x, p))
    z = x**p
    z.backward(np.ones(z.shape))
    return z.data.tolist(), x.grad.tolist(), p.grad.tolist()


def test_a_negative_number_has_whole_powers():
    x, p = Tensor([-2.0], requires_grad=True), Tensor([2.0])
    y = x**p
    y.backward(np.ones(1))
    assert y.data.tolist() == [4] and x.grad.tolist() == [-4]


def test_powers_of_0_have_no_nan():
    z, dx, dp = both_gradients([0, 0, 0, 0], [0, 1, 2, 3.5])
    assert z == [1, 0, 0, 0] and dx == [0, 1, 0, 0] and dp == [0, 0, 0, 0]


def test_a_power_of_infinity_that_is_0_is_flat():
    z, dx, dp = both_gradients([np.inf], [-1])
    assert (z, dx, dp) == ([0], [0], [0])


def test_shapes_of_powers_that_do_not_broadcast_are_named():
    with pytest.raises(ValueError, match=r"^power: shapes \(2,\) and \(3,\) do not broadcast together$"):
        F.power(np.ones(2), np.ones(3))
