import numpy as np
import pytest
from support import check_dtypes_and_layouts, check_gradients

from nnlite import Tensor
from nnlite import functional as F

ROWS = np.array([[0, 2], [2, 1]])
CASES = {  # function, input shapes
    "index with a number": (lambda x: F.index(x, 1), [(2, 3)]),
    "index with slices": (lambda x: F.index(x, (slice(None), slice(None, None, -2))), [(2, 5)]),
    "index with a new axis": (lambda x: F.index(x, (Ellipsis, None, 0)), [(2, 3)]),
    "index with numbers that repeat": (lambda x: F.index(x, ROWS), [(3, 2)]),
    "index with a tensor of numbers": (lambda x: F.index(x, Tensor(ROWS)), [(3, 2)]),
    "index with pairs that repeat": (lambda x: F.index(x, (np.array([0, 1, 0]), Tensor(np.array([2, 1, 2])))), [(2, 3)]),
    "index with booleans": (lambda x: F.index(x, np.array([True, False, True])), [(3, 2)]),
    "index with negative numbers": (lambda x: F.index(x, [-1, 0, -1]), [(3, 2)]),
    "index with a list beside a slice": (lambda x: F.index(x, (slice(1, None), [0, 0, 2])), [(3, 4)]),
    "index with a number and a list": (lambda x: F.index(x, (0, slice(None), [0, 1, 1])), [(2, 3, 4)]),
    "index with lists apart": (lambda x: F.index(x, ([0, 1, 1], slice(None), [2, 2, 0])), [(2, 3, 4)]),
    "index with a mask of two axes": (lambda x: F.index(x, np.array([[True, False, True], [False, True, False]])), [(2, 3, 2)]),
    "index after an ellipsis": (lambda x: F.index(x, (Ellipsis, [1, 1])), [(2, 3, 4)]),
    "index with no places": (lambda x: F.index(x, []), [(2, 3)]),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_go_back_to_the_places_that_were_picked(name):
    function, shapes = CASES[name]
    check_gradients(function, *shapes)
    check_dtypes_and_layouts(function, *shapes)


def test_a_number_is_taken_before_a_list_as_in_pytorch():
    x = np.arange(24.0).reshape(2, 3, 4)
    expected = [[x[1, j, k] for k in (0, 3)] for j in range(3)]  # NumPy gives the transposed array
    assert Tensor(x)[1, :, [0, 3]].data.tolist() == expected
    assert Tensor(x)[np.int64(1), :, np.array([0, 3])].data.tolist() == expected
    assert Tensor(x)[Tensor(1), ..., Tensor([0, 3])].data.tolist() == expected


def test_arrays_with_a_slice_between_them_put_their_axis_first():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert Tensor(x)[[0, 1], :, [1, 2]].data.tolist() == [[x[0, j, 1] for j in range(3)], [x[1, j, 2] for j in range(3)]]


def test_an_index_that_changes_after_the_forward_pass_changes_no_gradient():
    rows, x = np.array([0, 2]), Tensor(np.ones((3, 1)), requires_grad=True)
    y = x[rows]
    rows[:] = 1
    y.backward(np.ones((2, 1)))
    assert x.grad.tolist() == [[1], [0], [1]]


@pytest.mark.parametrize(("index", "message"), [
    (2, "index 2 is out of bounds for axis 0 with size 2"),
    ([0, 5], "index 5 is out of bounds for axis 0 with size 2"),
    ((0, 0, 0), "too many indices"),
    (1.5, r"^index: places are whole numbers, slices or booleans, got float64 1.5$"),
    ("a", r"^index: places are whole numbers, slices or booleans, got <U1 'a'$"),
])
def test_what_is_no_place_is_an_index_error(index, message):
    with pytest.raises(IndexError, match=message):
        F.index(np.ones((2, 3)), index)
