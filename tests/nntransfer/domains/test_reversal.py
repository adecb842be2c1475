import math

import numpy as np
import pytest

from nnlite import Tensor
from nntransfer.domains import ramp, reverse_gradient


def test_forward_is_the_same_bits_and_backward_minus_lambda():
    x = Tensor(np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32), requires_grad=True)
    y = reverse_gradient(x, 0.25)
    np.testing.assert_array_equal(y.data, x.data)
    dy = np.arange(12, dtype=np.float32).reshape(3, 4)
    y.backward(dy)
    np.testing.assert_array_equal(x.grad, -0.25 * dy)
    assert y.dtype == x.grad.dtype == np.float32


def test_with_strength_0_nothing_comes_back():
    x = Tensor([1.0], requires_grad=True)
    (reverse_gradient(x, 0.0) * 3).sum().backward()
    assert x.grad.tolist() == [0.0]


@pytest.mark.parametrize("strength", [-1, math.inf, math.nan])
def test_a_strength_that_reverses_nothing_is_refused(strength):
    with pytest.raises(ValueError, match=f"^reverse_gradient: strength has to be a number from 0 up, got {strength}$"):
        reverse_gradient(Tensor([1.0]), strength)


@pytest.mark.parametrize(("p", "value"), [(0, 0), (0.1, (math.e - 1) / (math.e + 1)), (1, math.tanh(5))])
def test_the_ramp_is_a_tanh_of_half_its_slope(p, value):
    assert ramp(p) == pytest.approx(value, abs=1e-15)
