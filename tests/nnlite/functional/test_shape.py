import itertools
import math

import numpy as np
import pytest
from support import check_dtypes_and_layouts, check_gradients, sample

from nnlite import Tensor
from nnlite import functional as F

MOVES = {  # function, input shapes
    "reshape": (lambda x: F.reshape(x, 4, -1), [(2, 3, 4)]),
    "reshape with a tuple": (lambda x: F.reshape(x, (6, 4)), [(2, 3, 4)]),
    "reshape to no axes": (lambda x: F.reshape(x, ()), [(1, 1)]),
    "flatten": (F.flatten, [(2, 3, 4)]),
    "flatten from 1": (lambda x: F.flatten(x, 1), [(2, 3, 4)]),
    "flatten images": (lambda x: F.flatten(x, 1), [(2, 3, 4, 5)]),
    "flatten from -2": (lambda x: F.flatten(x, -2), [(2, 3, 4)]),
    "permute": (lambda x: F.permute(x, 2, 0, 1), [(2, 3, 4)]),
    "permute with negative dims": (lambda x: F.permute(x, (-1, 0, -2)), [(2, 3, 4)]),
    "permute four": (lambda x: F.permute(x, 0, 2, 3, 1), [(2, 3, 4, 5)]),
    "transpose": (lambda x: F.transpose(x, 0, 2), [(2, 3, 4)]),
    "transpose with negative dims": (lambda x: F.transpose(x, -1, -3), [(2, 3, 4)]),
    "flatten the first two": (lambda x: F.flatten(x, 0, 1), [(2, 3, 4)]),
    "flatten images' channels": (lambda x: F.flatten(x, 1, -2), [(2, 3, 4, 5)]),
    "clone": (F.clone, [(2, 3)]),
    "stack": (lambda x, y: F.stack([x, y]), [(2, 3), (2, 3)]),
    "stack along the last axis": (lambda x, y: F.stack([x, y], -1), [(2, 3), (2, 3)]),
    "concatenate": (lambda x, y, z: F.concatenate([x, y, z]), [(2, 3), (1, 3), (0, 3)]),
    "concatenate along dim 1": (lambda x, y: F.concatenate((x, y), 1), [(2, 3), (2, 1)]),
    "concatenate along dim -2": (lambda x, y: F.concatenate([x, y], -2), [(2, 3, 2), (2, 1, 2)]),
    "concatenate one": (lambda x: F.concatenate([x]), [(2, 3)]),
    "pad": (lambda x: F.pad(x, (1, 2)), [(2, 3)]),
    "pad two axes": (lambda x: F.pad(x, (1, 2, 3, 0), value=0.5), [(2, 2, 3)]),
    "pad nothing": (lambda x: F.pad(x, ()), [(2, 3)]),
}


def numbered(shapes):
    """Arrays that hold 1, 2, 3, … all through, so that every number tells where it came from."""
    numbers = itertools.count(1.0)
    return [np.array([next(numbers) for _ in range(math.prod(shape))]).reshape(shape) for shape in shapes]


@pytest.mark.parametrize("name", MOVES)
def test_gradients_of_moves(name):
    function, shapes = MOVES[name]
    check_gradients(function, *shapes)


@pytest.mark.parametrize("name", MOVES)
def test_moves_in_all_dtypes_and_layouts(name):
    function, shapes = MOVES[name]
    check_dtypes_and_layouts(function, *shapes)


@pytest.mark.parametrize("name", MOVES)
def test_a_gradient_goes_back_to_where_its_number_came_from(name):
    function, shapes = MOVES[name]
    x = numbered(shapes)
    tensors = [Tensor(a, requires_grad=True) for a in x]
    y = function(*tensors)
    y.backward(y.data)  # each number sends itself: a number that was picked t times gets t times itself back
    came = np.bincount(y.data.astype(int).reshape(-1), minlength=100)
    for a, tensor in zip(x, tensors, strict=True):
        np.testing.assert_array_equal(tensor.grad, a * came[a.astype(int)])


def test_reshape_reads_row_by_row_whatever_the_layout():
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert F.reshape(x, 3, 2).data.tolist() == F.reshape(np.asfortranarray(x), 3, 2).data.tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(("start_dim", "shape"), [(0, (24,)), (1, (2, 12)), (2, (2, 3, 4)), (-1, (2, 3, 4)), (-3, (24,))])
def test_flatten_joins_the_axes_from_start_dim_on(start_dim, shape):
    y = F.flatten(np.arange(24.0).reshape(2, 3, 4), start_dim)
    assert y.shape == shape and y.data.reshape(-1).tolist() == list(range(24))


def test_flatten_keeps_an_empty_batch_and_makes_a_single_number_a_list():
    assert F.flatten(np.ones((0, 3, 4)), 1).shape == (0, 12)
    assert F.flatten(np.array(5.0)).data.tolist() == [5]


def test_permute_and_transpose_move_every_number_to_its_permuted_place():
    x = sample((2, 3, 4))
    for (i, j, k), number in np.ndenumerate(x):
        assert F.permute(x, 2, 0, 1).data[k, i, j] == number
        assert F.permute(x, (2, 0, 1)).data[k, i, j] == number
        assert F.transpose(x, 0, -1).data[k, j, i] == number


def test_concatenate_puts_one_after_the_other():
    x, y = [[1.0, 2.0], [3.0, 4.0]], [[5.0], [6.0]]
    assert F.concatenate([np.array(x), np.array(y)], 1).data.tolist() == [[1, 2, 5], [3, 4, 6]]


def test_pad_takes_the_last_axis_first():
    y = F.pad(np.array([[1.0, 2.0]]), (1, 0, 0, 2), value=9.0)
    assert y.data.tolist() == [[9, 1, 2], [9, 9, 9], [9, 9, 9]]


@pytest.mark.parametrize(("call", "message"), [
    (lambda: F.reshape(np.ones((2, 3)), 4, -1), r"^reshape: 6 numbers of shape \(2, 3\) do not fit into \(4, -1\)$"),
    (lambda: F.permute(np.ones((2, 3)), 0, 0), r"^permute: \(0, 0\) is not an order of the 2 axes of shape \(2, 3\)$"),
    (lambda: F.permute(np.ones((2, 3)), 0, 2), r"^permute: \(0, 2\) is not an order of the 2 axes of shape \(2, 3\)$"),
    (lambda: F.permute(np.ones((2, 3)), 0), r"^permute: \(0,\) is not an order of the 2 axes of shape \(2, 3\)$"),
    (lambda: F.transpose(np.ones((2, 3)), 0, 2), r"^transpose: 0 and 2 are not both axes of shape \(2, 3\)$"),
    (lambda: F.flatten(np.ones((2, 3)), 2), r"^flatten: start_dim 2 is not an axis of shape \(2, 3\)$"),
    (lambda: F.concatenate([]), r"^concatenate: no tensors were given$"),
    (lambda: F.concatenate([np.ones((2, 3)), np.ones((2, 4))]),
     r"^concatenate: shapes \[\(2, 3\), \(2, 4\)\] do not fit together along dim 0$"),
    (lambda: F.concatenate([np.ones((2, 3)), np.ones(2)], 1),
     r"^concatenate: shapes \[\(2, 3\), \(2,\)\] do not fit together along dim 1$"),
    (lambda: F.concatenate([np.ones((2, 3))] * 2, 2),
     r"^concatenate: shapes \[\(2, 3\), \(2, 3\)\] do not fit together along dim 2$"),
    (lambda: F.pad(np.ones((2, 3)), (1,)), r"^pad: \(1,\) is not a pair of widths ≥ 0 for each of the last axes of 2$"),
    (lambda: F.pad(np.ones(3), (1, 1, 1, 1)),
     r"^pad: \(1, 1, 1, 1\) is not a pair of widths ≥ 0 for each of the last axes of 1$"),
    (lambda: F.pad(np.ones(3), (-1, 0)), r"^pad: \(-1, 0\) is not a pair of widths"),
])
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("join", [F.concatenate, F.stack])
def test_one_tensor_is_not_taken_for_the_list_of_its_rows(join):
    name = join.__name__
    with pytest.raises(TypeError, match=rf"^{name}: expects a list of Tensors, got one Tensor of shape \(2, 3\)$"):
        join(Tensor(np.ones((2, 3))))
    with pytest.raises(TypeError, match=rf"^{name}: expects a list of Tensors, got one ndarray of shape \(3,\)$"):
        join(np.ones(3))
    with pytest.raises(TypeError, match=rf"^{name}: expects a list of Tensors, got one 3$"):
        join(3)
    x = np.ones((2, 3))
    assert join(x for _ in range(2)).size == 12


def test_flatten_stops_at_end_dim():
    x = np.arange(120.0).reshape(2, 3, 4, 5)
    for start, end, shape in [(0, 1, (6, 4, 5)), (1, 2, (2, 12, 5)), (-3, -2, (2, 12, 5)), (2, 2, x.shape), (1, 3, (2, 60))]:
        y = F.flatten(x, start, end)
        assert y.shape == shape and y.data.reshape(-1).tolist() == list(range(120))


@pytest.mark.parametrize(("start", "end"), [(2, 1), (0, 3), (-4, 0)])
def test_flatten_names_a_range_that_is_none(start, end):
    message = rf"^flatten: start_dim {start} to end_dim {end} is not a range of the axes of shape \(2, 3, 4\)$"
    with pytest.raises(ValueError, match=message):
        F.flatten(np.ones((2, 3, 4)), start, end)


def test_stack_puts_each_in_its_place_of_a_new_axis():
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert F.stack([x, y]).data.tolist() == [[1, 2], [3, 4]] and F.stack([x, y], 1).data.tolist() == [[1, 3], [2, 4]]


@pytest.mark.parametrize(("call", "message"), [
    (lambda: F.stack([]), r"^stack: no tensors were given$"),
    (lambda: F.stack([np.ones(2), np.ones(3)]), r"^stack: the tensors have to be of one shape, got \[\(2,\), \(3,\)\]$"),
    (lambda: F.stack([np.ones(2)], 2), r"^stack: dim 2 is not a new axis of 1 axes, \(2,\)$"),
])
def test_what_cannot_be_stacked_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_clone_has_memory_of_its_own():
    x = Tensor(np.ones(3))
    assert not np.shares_memory(x.clone().data, x.data)
    assert x.reshape(3, 1).view(-1).data.tolist() == [1, 1, 1]
