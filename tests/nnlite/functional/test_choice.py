
import numpy as np
import pytest
from support import check_dtypes_and_layouts, check_gradients, positive, sample

from nnlite import Tensor
from nnlite import functional as F

UNARY = {  # function, formula of one number, exactly the same bits?
    "clamp": (lambda x: F.clamp(x, 0.77, 1.55), lambda x: min(max(x, 0.77), 1.55), True),
    "clamp below": (lambda x: F.clamp(x, min=0.77), lambda x: max(x, 0.77), True),
    "clamp above": (lambda x: F.clamp(x, max=0.77), lambda x: min(x, 0.77), True),
}
SIGNED = ["clamp", "clamp below", "clamp above"]


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


def test_where_names_all_three_shapes():
    with pytest.raises(ValueError, match=r"^where: shapes \(2,\) and \(3,\) and \(3,\) do not broadcast together$"):
        F.where(np.array([True, False]), np.ones(3), np.ones(3))


@pytest.mark.parametrize(("function", "formula"), [(F.maximum, max), (F.minimum, min)])
def test_the_larger_or_smaller_is_that_of_each_pair(function, formula):
    x, y = sample((2, 1, 3)), sample((4, 1), 1)
    z = function(x, y).data
    assert z.reshape(-1).tolist() == [formula(float(a), float(b)) for a, b in np.broadcast(x, y)]
    check_gradients(function, (2, 1, 3), (4, 1))
    check_dtypes_and_layouts(function, (2, 4, 3), (4, 1))


@pytest.mark.parametrize("function", [F.maximum, F.minimum])
def test_equal_numbers_share_the_gradient_and_a_nan_stays(function):
    x = Tensor(np.array([1.0, np.nan]), requires_grad=True)
    y = Tensor(np.array([1.0, 0.0]), requires_grad=True)
    z = function(x, y)
    z.backward(np.array([1.0, 1.0]))
    assert x.grad[0] == y.grad[0] == 0.5 and np.isnan(z.data[1])


def test_shapes_that_have_no_maximum_are_named():
    with pytest.raises(ValueError, match=r"^maximum: shapes \(2,\) and \(3,\) do not broadcast together$"):
        F.maximum(np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match=r"^minimum: shapes \(2,\) and \(3,\) do not broadcast together$"):
        F.minimum(np.ones(2), np.ones(3))
