import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import every_other_reversed, fortran_ordered

sizes = st.integers(0, 4)
shapes = st.tuples(sizes, sizes, sizes, sizes)


def channels_last(x):
    """The same numbers, the channels running fastest."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


layouts = st.sampled_from([np.asarray, channels_last, fortran_ordered, every_other_reversed])


def numbered(shape, dtype=np.float32):
    """1, 2, 3, …: every number tells where it came from."""
    return np.arange(1, np.prod(shape) + 1, dtype=dtype).reshape(shape)


@settings(deadline=None, max_examples=100)
@given(shapes, layouts, st.tuples(st.integers(0, 2), st.integers(0, 2)), st.sampled_from([np.float32, np.float64]))
def test_images_in_any_order_of_memory_come_with_the_channels_last_and_zeros_around(shelf, shape, layout, border, dtype):
    x, (top, left) = numbered(shape, dtype), border
    y = shelf.to_nhwc(layout(x), border)
    assert y.flags.c_contiguous and y.dtype == dtype
    np.testing.assert_array_equal(y, np.pad(x.transpose(0, 2, 3, 1), ((0, 0), (top, top), (left, left), (0, 0))))


@settings(deadline=None, max_examples=50)
@given(shapes, layouts)
def test_images_in_any_order_of_memory_come_back_with_the_channels_first(shelf, shape, layout):
    x = numbered(shape)
    y = shelf.to_nchw(layout(x))
    assert y.flags.c_contiguous and y.dtype == x.dtype
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("layout", [np.asarray, channels_last, fortran_ordered, every_other_reversed])
def test_entering_images_fill_the_inside_and_leave_border_and_further_images_alone(shelf, layout):
    x, y = numbered((2, 3, 4, 5)), np.full((3, 6, 9, 3), np.float32(-7))
    shelf.enter(layout(x), y, 1, 2)
    np.testing.assert_array_equal(y[:2, 1:5, 2:7], x.transpose(0, 2, 3, 1))
    y[:2, 1:5, 2:7] = -7
    assert (y == -7).all()


def test_where_nothing_is_to_do_nothing_is_copied(shelf):
    x = numbered((2, 3, 4, 5))
    last = channels_last(x)
    assert np.shares_memory(shelf.to_nhwc(last), last) and np.shares_memory(shelf.to_nchw(x), x)
    assert not np.shares_memory(shelf.to_nhwc(last, (0, 1)), last) and not np.shares_memory(shelf.to_nhwc(x), x)


def test_images_that_may_not_be_written_are_read(shelf):
    x = np.broadcast_to(numbered((1, 3, 4, 5)), (2, 3, 4, 5))
    np.testing.assert_array_equal(shelf.to_nhwc(x), x.transpose(0, 2, 3, 1))


def test_the_number_of_threads_changes_no_number(shelf, threads):
    x = numbered((3, 4, 5, 6))
    for count in (1, 2):
        threads(count)
        np.testing.assert_array_equal(shelf.to_nhwc(x, (1, 1))[:, 1:-1, 1:-1], x.transpose(0, 2, 3, 1))
        np.testing.assert_array_equal(shelf.to_nchw(channels_last(x)), x)
