import numpy as np
import pytest
from convolutions import convolutions, seeds
from hypothesis import given, settings

from nnlite.kernels import LANES, conv2d_int8, pack_conv_int8
from nnlite.kernels.fast.convolution import runs
from nnlite.kernels.loops.convolution import Walk


def followed_by(x, byte):
    """A copy of x with three more bytes in its buffer, which the kernel may read but has to multiply by zero."""
    buffer = np.full(x.size + 3, byte, np.uint8)
    buffer[: x.size] = x.reshape(-1)
    return buffer[: x.size].reshape(x.shape)


@pytest.mark.parametrize(("pixel", "weight"), [(255, 127), (255, -128), (0, -128)])
def test_int8_conv2d_of_extreme_values_does_not_saturate(pixel, weight):
    x, w = np.full((1, 5, 5, 7), pixel, np.uint8), np.full((1, 5, 5, 7, 3), weight, np.int8)
    y = np.empty((1, 1, 1, 3), np.int32)
    conv2d_int8(followed_by(x, 255), pack_conv_int8(w, (1, 1)), y, Walk((1, 1), (1, 1)))
    assert (y == 175 * pixel * weight).all()


@pytest.mark.parametrize(("G", "c", "o"), [(1, 3, 4), (3, 1, 4), (19, 1, 1)])
@pytest.mark.parametrize("width", [5, 9, 12])
def test_no_byte_past_the_image_is_read_but_three(before_a_wall, width, G, c, o):
    buffer = before_a_wall(np.ones(2 * 5 * width * G * c + 3, np.uint8))
    packed = pack_conv_int8(np.ones((G, 3, 2, c, o), np.int8), (1, 1))
    packed = packed._replace(numbers=before_a_wall(packed.numbers))
    y = before_a_wall(np.zeros((2, 2, (width - 2) // 2 + 1, G * o), np.int32))
    conv2d_int8(buffer[:-3].reshape(2, 5, width, G * c), packed, y, Walk((2, 2), (1, 1)))
    assert (y == 6 * c).all()


@settings(deadline=None, max_examples=25)
@given(convolutions(), seeds)
def test_the_runs_and_columns_of_a_packed_kernel_are_filled_up_with_zeros(case, seed):
    _, w_shape, _, dilation = case
    G, kh, kw, c, o = w_shape
    w = np.random.default_rng(seed).integers(-128, 128, w_shape, np.int8)
    P, Q, L = runs(w_shape, dilation)
    packed, shape = pack_conv_int8(w, dilation)
    assert shape == w_shape
    if G > 1 and c == o == 1:  # depthwise: (1, P·Q, G, 4)
        assert packed.shape == (1, P * Q, G, 4) and packed.flags.c_contiguous
        packed = np.ascontiguousarray(packed.transpose(2, 1, 0, 3))
    columns = -(-o // LANES) * LANES if G == 1 else o
    assert packed.shape == (G, P * Q * ((L + 3) // 4), columns, 4) and packed.flags.c_contiguous
    unpacked = packed.transpose(0, 1, 3, 2).reshape(G, P * Q, -1, columns)
    np.testing.assert_array_equal(unpacked[:, :, :L, :o].reshape(w_shape), w)
    assert not unpacked[:, :, L:].any() and not unpacked[..., o:].any()


@pytest.mark.parametrize(("G", "c", "o"), [(1, 6, 10), (2, 3, 10), (19, 1, 1)])
def test_the_number_of_threads_changes_no_bit(threads, G, c, o):
    rng = np.random.default_rng(0)
    x = followed_by(rng.integers(0, 256, (5, 13, 14, G * c), np.uint8), 255)
    packed = pack_conv_int8(rng.integers(-128, 128, (G, 3, 3, c, o), np.int8), (1, 1))
    results = []
    for count in (1, 2):
        threads(count)
        y = np.empty((5, 11, 12, G * o), np.int32)
        conv2d_int8(x, packed, y, Walk((1, 1), (1, 1)))
        results.append(y.tobytes())
    assert results[0] == results[1]
