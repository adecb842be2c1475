import numpy as np
import pytest
from support import fortran_ordered

from nnlite.optim.adam import adam
from nnlite.optim.sgd import heavy_ball, sgd


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_step_of_momentum_worked_by_hand(shelf, dtype):
    w, g, b = (np.array(numbers, dtype) for numbers in ([1, -2], [4, 8], [2, 0]))
    shelf.in_one_pass(heavy_ball, [[w, g, b]], [0.5, 0.25, 1, 0])  # b = 0.25 b + g, w = w - 0.5 b
    assert b.tolist() == [4.5, 8] and w.tolist() == [1 - 2.25, -2 - 4] and g.tolist() == [4, 8]


@pytest.mark.parametrize("order", [np.asarray, fortran_ordered])
def test_every_parameter_and_its_averages_change_by_the_rule_whatever_their_order_in_memory(shelf, order):
    rng = np.random.default_rng(0)
    numbers = [0.1, 0.9, 0.1, 0.75, 0.25, 1e-3, 0.03, 0.98]
    shapes = (3, 5), (7,), (0, 2)
    given = [[order(np.abs(rng.standard_normal(shape)).astype(np.float32)) for _ in range(4)] for shape in shapes]
    given[0][1] = np.asarray(given[0][1], order="C")  # a gradient in another order than its parameter
    expected = [adam(*arrays, *np.array(numbers, np.float32)) for arrays in given]
    gradients = [arrays[1].copy() for arrays in given]
    shelf.in_one_pass(adam, given, numbers)
    for (w, g, m, v), new, before in zip(given, expected, gradients, strict=True):
        for actual, right in zip((w, m, v), new, strict=True):
            np.testing.assert_array_equal(actual, right)
        np.testing.assert_array_equal(g, before)


def test_numbers_of_python_leave_a_parameter_in_its_dtype(shelf):
    w = np.ones(3, np.float32)
    shelf.in_one_pass(sgd, [[w, np.full(3, 0.1)]], [0.1, 0.0])  # a gradient of float64, too
    assert w.dtype == np.float32 and w.tolist() == [np.float32(1) - np.float32(0.1) * np.float32(0.1)] * 3


def test_an_average_without_a_gradient_becomes_0_before_it_is_denormal(shelf):
    w, g, b = np.ones(2, np.float32), np.zeros(2, np.float32), np.float32([1, -1])
    tiny, seen = np.finfo(np.float32).tiny, []
    for _ in range(400):
        shelf.in_one_pass(heavy_ball, [[w, g, b]], [0.0, 0.5, 1, 0])  # b = b/2
        seen.append(b.copy())
    assert np.abs(seen[125]).tolist() == [tiny, tiny]  # 2 to the power of −126
    assert not np.any(seen[126:])
