import math

import numpy as np
import pytest
from support import check_dtypes_and_layouts, check_gradients, positive, sample

from nnlite import Tensor
from nnlite import functional as F

UNARY = {  # function, formula of one number, exactly the same bits?
    "exp": (F.exp, math.exp, False),
    "log": (F.log, math.log, False),
    "log1p": (F.log1p, math.log1p, False),
    "sqrt": (F.sqrt, math.sqrt, True),
    "absolute": (F.absolute, abs, True),
}
SIGNED = ["exp", "absolute"]


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


def test_the_gradient_of_the_absolute_value_is_0_at_0():
    assert gradient(F.absolute, [-2, 0, 3]) == [-1, 0, 1]


def test_log1p_keeps_the_digits_of_small_numbers():
    np.testing.assert_allclose(F.log1p(np.array([1e-18])).data, [1e-18], rtol=1e-15)
