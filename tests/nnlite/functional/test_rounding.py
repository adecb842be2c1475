import math

import numpy as np
import pytest
from support import check_dtypes_and_layouts, sample

from nnlite import Tensor
from nnlite import functional as F


def gradient(function, x):
    x = Tensor(np.array(x, np.float64), requires_grad=True)
    y = function(x)
    y.backward(np.arange(1.0, y.size + 1).reshape(y.shape))
    return x.grad.tolist()


def test_round_gives_the_nearest_whole_number_and_halves_go_to_the_even_one():
    x = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 1.49, -1.51, 1e9]
    assert F.round(np.array(x)).data.tolist() == [round(t) for t in x] == Tensor(x).round().data.tolist()


def test_sign_has_three_values():
    x = np.array([-3.0, -1e-300, -0.0, 0.0, 1e-300, 4.0])
    assert F.sign(x).data.tolist() == [math.copysign(1, t) if t else 0 for t in x]
    assert Tensor(x).sign().data.tolist() == F.sign(x).data.tolist()


@pytest.mark.parametrize("function", [F.round, F.sign])
def test_a_staircase_has_the_gradient_zero_and_not_none(function):
    assert gradient(function, [-1.2, 0.0, 0.5, 3.3]) == [0, 0, 0, 0]
    check_dtypes_and_layouts(function, (3, 4))


def test_straight_through_has_the_value_of_y_and_the_gradient_of_x():
    x, y = Tensor(sample((3, 4), 0), requires_grad=True), Tensor(sample((3, 4), 1), requires_grad=True)
    z = F.straight_through(x, y)
    assert z.data.tolist() == y.data.tolist()
    dz = sample((3, 4), 2)
    z.backward(dz)
    assert x.grad.tolist() == dz.tolist() and y.grad is None


def test_rounding_straight_through_counts_as_the_identity_inside_a_chain():
    # L = Σ c (3 round(x))²/2 with round straight through: dx = 3 · 3 round(x) · c, worked by hand
    assert gradient(lambda x: 0.5 * (3 * F.straight_through(x, F.round(x))) ** 2, [0.4, 1.6, -2.2]) == [0, 36, -54]


def test_what_y_is_made_of_gets_nothing_through_straight_through():
    x, s = Tensor([1.2], requires_grad=True), Tensor([2.0], requires_grad=True)
    F.straight_through(x, s * F.round(x)).sum().backward()
    assert (x.grad.tolist(), s.grad) == ([1], None)


def test_straight_through_names_both_shapes():
    with pytest.raises(ValueError, match=r"straight_through: x has shape \(3,\), y has \(1,\)"):
        F.straight_through(np.ones(3), np.ones(1))
