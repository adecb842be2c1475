"""Convolutions and their gradients on both shelves; ReLU and pooling in the same pass, which only fast has, are in fast/."""

import numpy as np
import pytest
from convolutions import convolutions, floats, gradients_by_the_formulas, patches, result_shape, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_sums_agree

from nnlite.kernels.loops.convolution import Walk, conv2d_formula, output_size
from nnlite.kernels.loops.convolution_gradients import conv2d_gradients_formula


def seven_loops(x, w, stride, dilation):
    """The definition, number by number."""
    (N, H, W, _), (G, kh, kw, c, o) = x.shape, w.shape
    (sh, sw), (dh, dw) = stride, dilation
    rows, columns = range(0, H - dh * (kh - 1), sh), range(0, W - dw * (kw - 1), sw)  # where a patch may start
    y = np.zeros((N, len(rows), len(columns), G * o), np.result_type(x, w))
    for n, i, j, channel in np.ndindex(y.shape):
        g, beta = divmod(channel, o)
        for u, v, alpha in np.ndindex(kh, kw, c):
            y[n, i, j, channel] += x[n, rows[i] + u * dh, columns[j] + v * dw, g * c + alpha] * w[g, u, v, alpha, beta]
    return y


@settings(deadline=None, max_examples=25)
@given(convolutions(), seeds)
def test_the_reference_equals_seven_loops(case, seed):
    x_shape, w_shape, stride, dilation = case
    rng = np.random.default_rng(seed)
    x = rng.integers(-9, 10, (1, *x_shape[1:3], w_shape[0]))  # one channel a group: the loops are slow
    w = rng.integers(-9, 10, (*w_shape[:3], 1, min(w_shape[4], 2)))
    np.testing.assert_array_equal(conv2d_formula(x, w, Walk(stride, dilation)), seven_loops(x, w, stride, dilation))


def test_the_reference_splits_channels_into_groups_as_the_loops_do():
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 10, (2, 4, 4, 6)), rng.integers(-9, 10, (2, 2, 3, 3, 4))
    np.testing.assert_array_equal(conv2d_formula(x, w, Walk((1, 1), (1, 1))), seven_loops(x, w, (1, 1), (1, 1)))


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 5), st.integers(1, 4))
def test_the_output_size_counts_the_places_of_the_kernel(size, kernel, stride, dilation):
    assert max(output_size(size, kernel, stride, dilation), 0) == len(range(0, size - dilation * (kernel - 1), stride))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=50)
@given(convolutions(), st.booleans(), seeds)
def test_conv2d_equals_its_formula(shelf, dtype, case, has_bias, seed):
    x_shape, w_shape, *options = case
    rng, O, K = np.random.default_rng(seed), w_shape[0] * w_shape[4], int(np.prod(w_shape[1:4]))
    x, w, b = floats(x_shape, rng, dtype), floats(w_shape, rng, dtype), floats(O, rng, dtype) if has_bias else None
    y = np.full(result_shape(*case), np.nan, dtype)
    shelf.conv2d(x, w, y, Walk(*options), b)
    X, F, B = x.astype(np.float64), w.astype(np.float64), np.float64(b if has_bias else 0)
    expected = np.einsum("nijguva,guvab->nijgb", patches(X, w_shape, *options), F).reshape(y.shape)
    magnitude = np.einsum("nijguva,guvab->nijgb", patches(abs(X), w_shape, *options), abs(F)).reshape(y.shape)
    assert_sums_agree(y, expected + B, magnitude + abs(B), K + 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=50)
@given(convolutions(), st.data(), seeds)
def test_the_gradients_equal_their_formulas(shelf, dtype, case, data, seed):
    (N, H, W, C), w_shape, *options = case
    padding = top, left = tuple(data.draw(st.integers(0, min(2, (size - 1) // 2))) for size in (H, W))
    rng = np.random.default_rng(seed)
    x, w, dy = floats((N, H, W, C), rng, dtype), floats(w_shape, rng, dtype), floats(result_shape(*case), rng, dtype)
    dx, dw, db = (np.full(shape, np.nan, dtype) for shape in ((N, H - 2 * top, W - 2 * left, C), w_shape, dy.shape[3]))
    shelf.conv2d_gradients(x, w, dy, dx, dw, db, Walk(*options, padding))
    arrays, inside = [a.astype(np.float64) for a in (x, w, dy)], np.s_[:, top : H - top, left : W - left]
    expected = gradients_by_the_formulas(*arrays, *options)
    magnitude = gradients_by_the_formulas(*map(abs, arrays), *options)
    pixels = int(np.prod(dy.shape[:3]))
    assert_sums_agree(dx, expected[0][inside], magnitude[0][inside], int(np.prod(w_shape[1:3])) * w_shape[4])
    assert_sums_agree(dw, expected[1], magnitude[1], pixels)
    assert_sums_agree(db, expected[2], magnitude[2], pixels)

    only_dw, only_db = np.full_like(dw, np.nan), np.full_like(db, np.nan)
    shelf.conv2d_gradients(x, w, dy, None, only_dw, only_db, Walk(*options, padding))
    assert (dw.tobytes(), db.tobytes()) == (only_dw.tobytes(), only_db.tobytes())


@settings(deadline=None, max_examples=25)
@given(convolutions(), seeds)
def test_the_formulas_of_the_gradients_give_each_factor_the_other_one(case, seed):
    x_shape, w_shape, *options = case
    rng = np.random.default_rng(seed)
    x, w, dy = (rng.integers(-9, 10, shape).astype(np.float64) for shape in (x_shape, w_shape, result_shape(*case)))
    for ours, theirs in zip(conv2d_gradients_formula(x, w, dy, Walk(*options)), gradients_by_the_formulas(x, w, dy, *options),
                            strict=True):
        np.testing.assert_array_equal(ours, theirs)  # whole numbers: exact


def test_the_gradient_of_a_convolution_with_stride_and_padding_worked_by_hand(shelf):
    # one row: x = _ 1 2 3 _ (padding 1), w = [10, 20, 30], stride 2: y = [80, 80]; dy = [1, 5]
    x, w = np.array([0.0, 1, 2, 3, 0]).reshape(1, 1, 5, 1), np.array([10.0, 20, 30]).reshape(1, 1, 3, 1, 1)
    y, walk = np.empty((1, 1, 2, 1)), Walk((1, 2), (1, 1), (0, 1))
    shelf.conv2d(x, w, y, walk)
    assert y.ravel().tolist() == [0 * 10 + 1 * 20 + 2 * 30, 2 * 10 + 3 * 20 + 0 * 30]
    dx, dw, db = np.empty((1, 1, 3, 1)), np.empty_like(w), np.empty(1)
    shelf.conv2d_gradients(x, w, np.array([1.0, 5]).reshape(1, 1, 2, 1), dx, dw, db, walk)
    assert dx.ravel().tolist() == [1 * 20, 1 * 30 + 5 * 10, 5 * 20]
    assert dw.ravel().tolist() == [1 * 0 + 5 * 2, 1 * 1 + 5 * 3, 1 * 2 + 5 * 0] and db.tolist() == [6]


@settings(deadline=None, max_examples=50)
@given(convolutions(), seeds)
def test_int8_conv2d_equals_its_formula_bit_for_bit(shelf, case, seed):
    x_shape, w_shape, *options = case
    rng = np.random.default_rng(seed)
    buffer, w = rng.integers(0, 256, int(np.prod(x_shape)) + 3, np.uint8), rng.integers(-128, 128, w_shape, np.int8)
    x, walk = buffer[:-3].reshape(x_shape), Walk(*options)
    x[rng.random(x_shape) < 0.3] = 255
    w[rng.random(w_shape) < 0.3] = rng.choice([-128, 127])
    y = np.full(result_shape(*case), -1, np.int32)
    shelf.conv2d_int8(x, shelf.pack_conv_int8(w, walk.dilation), y, walk)
    np.testing.assert_array_equal(y, conv2d_formula(x.astype(np.int64), w.astype(np.int64), walk))
