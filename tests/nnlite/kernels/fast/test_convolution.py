import numba
import numpy as np
import pytest
from convolutions import blocks, convolutions, floats, patches, result_shape, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_sums_agree

from nnlite.kernels import (
    CONVOLUTION,
    conv2d,
    geometry,
    lay_out,
    narrow_channels,
    relu,
    run_stages,
    table,
    thread_sums,
)
from nnlite.kernels.fast.convolution import runs
from nnlite.kernels.loops.convolution import Walk, conv2d_formula
from nnlite.kernels.simd.level import LANES, LEVEL
from nnlite.kernels.simd.narrow import narrow_width
from nnlite.kernels.simd.narrow_layout import lay_out_narrow

ALL = numba.config.NUMBA_NUM_THREADS
GROUPS = [(1, 6, 10), (2, 3, 10), (19, 1, 1)]  # G, c, o: the last is depthwise


def convolved(x, w, stride, dilation, b=None, relu=False, pool=False):
    """(y, argmax) of conv2d, filled into arrays of NaN and of 255."""
    N, H, W, O = result_shape(x.shape, w.shape, stride, dilation)
    y = np.full((N, H // 2, W // 2, O) if pool else (N, H, W, O), np.nan, x.dtype)
    argmax = np.full(y.shape, 255, np.uint8) if pool else None
    conv2d(x, w, y, Walk(stride, dilation), b, relu, argmax)
    return y, argmax


def convolved_into_a_border(x, w, stride, dilation, b, low, pool, border, threads):
    """As plans do it: a stage of a table, y with a border of −7 around each image, and behind the last image another."""
    N, H, W, O = result_shape(x.shape, w.shape, stride, dilation)
    (top, left), out_h, out_w = border, H // pool, W // pool
    y = np.full((N + 1, out_h + 2 * top, out_w + 2 * left, O), -7, x.dtype)
    inside, rest = y[:N, top : top + out_h, left : left + out_w], narrow_channels(w.shape, dilation, w.dtype)
    laid_out = lay_out(w, rest)
    row = {"kind": CONVOLUTION, "channels": laid_out.channels, "pool": pool, "sums_w": W, "low": low,
           "x": x.ctypes.data, "x_image": x.strides[0], "x_row": x.strides[1], "b": b.ctypes.data,
           "y": inside.ctypes.data, "y_image": y.strides[0], "y_row": y.strides[1], "out_h": out_h, "out_w": out_w, "O": O,
           "w": laid_out.numbers.ctypes.data, "w_group": laid_out.group * w.itemsize, "w_row": laid_out.row * w.itemsize,
           **geometry(w.shape, stride, dilation, rest=rest)._asdict()}
    run_stages(table([row]), thread_sums([row], N, x.dtype), N, threads)
    result = inside.copy()
    inside[...] = -7
    assert (y == -7).all(), "the border was written"
    return result


def numbers_with_ties(shape, rng, dtype):
    """Whole numbers, many of them equal or 0, and here and there an infinity or a NaN."""
    x = rng.integers(-2, 3, shape).astype(dtype)
    for odd in (np.inf, -np.inf, np.nan):
        x[rng.random(shape) < 0.01] = odd
    return x


@pytest.mark.parametrize(("w_shape", "dilation", "expected"), [
    ((1, 3, 5, 4, 8), (1, 1), (3, 1, 20)),  # one run for each kernel row
    ((1, 3, 5, 4, 8), (2, 1), (3, 1, 20)),  # rows may be apart
    ((1, 3, 5, 4, 8), (1, 2), (3, 5, 4)),  # pixels that are apart
    ((2, 3, 5, 4, 8), (1, 1), (3, 5, 4)),  # channels of another group between
])
def test_a_kernel_row_is_one_run_where_nothing_lies_between(w_shape, dilation, expected):
    assert runs(w_shape, dilation) == expected


@pytest.mark.parametrize(("w_shape", "expected"), [
    ((2, 3, 2, 4, 5), (2, 24, 5)),
    ((2, 3, 2, 4, 1), (2, 24, 1)),  # no depthwise one, nor is the next
    ((2, 3, 2, 1, 5), (2, 6, 5)),
    ((7, 3, 2, 1, 1), (1, 6, 7)),
])
def test_depthwise_weights_are_laid_out_with_the_channels_side_by_side(w_shape, expected):
    w = np.arange(np.prod(w_shape)).reshape(w_shape)
    numbers, *sizes = lay_out(w)
    groups, steps, channels = expected
    assert sizes == [steps * channels, channels, groups * channels]
    G, o, numbers = w_shape[0], w_shape[4], numbers.reshape(expected)
    np.testing.assert_array_equal(numbers if groups == G else numbers.transpose(2, 1, 0), w.reshape(G, -1, o))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("registers", [1, 2])
@pytest.mark.parametrize("missing", [0, 1, "all but one"])
def test_weights_without_groups_are_filled_up_to_whole_registers(dtype, registers, missing):
    lanes = LEVEL.vector_bytes // np.dtype(dtype).itemsize
    o = registers * lanes - (lanes - 1 if missing == "all but one" else missing)
    w = np.random.default_rng(0).standard_normal((1, 3, 2, 4, o)).astype(dtype)
    numbers, *sizes = lay_out(w)
    assert sizes == [24 * registers * lanes, registers * lanes, registers * lanes]
    numbers = numbers.reshape(24, registers * lanes)
    np.testing.assert_array_equal(numbers[:, :o], w.reshape(24, o))
    assert not numbers[:, o:].any()


@pytest.mark.parametrize("wide", [0, 1, 2])
@pytest.mark.parametrize("rest", [1, LANES // 2])
def test_narrow_channels_lie_behind_the_others(wide, rest):
    o = wide * LANES + rest
    w = np.random.default_rng(0).standard_normal((1, 3, 5, 4, o)).astype(np.float32)
    numbers, group, row, channels = lay_out(w, rest)
    assert (group, row) == (60 * wide * LANES, wide * LANES)
    assert channels == ((wide + 1) * LANES if wide else narrow_width(rest, LANES))
    np.testing.assert_array_equal(numbers[:group].reshape(60, row), w.reshape(60, o)[:, :row])
    behind = np.empty(len(numbers) - group, np.float32)
    lay_out_narrow(w.reshape(3, 20, o), row, behind, 0)
    np.testing.assert_array_equal(numbers[group:], behind)


def test_channels_are_narrow_that_leave_a_good_part_of_a_register_empty_under_long_runs():
    def rest(o, c=16, kw=3, G=1, dilation=1):
        return narrow_channels((G, 3, kw, c, o), (1, dilation), np.dtype(np.float32))

    assert [rest(o) for o in (1, LANES // 2, LANES + 1, LANES + LANES // 2)] == [1, LANES // 2, 1, LANES // 2]
    assert [rest(o) for o in (LANES // 2 + 1, LANES, 2 * LANES, 2 * LANES - 1)] == [0, 0, 0, 0]
    assert rest(1, c=4, kw=4) == 1
    assert [rest(1, c=5), rest(1, G=2), rest(1, dilation=2)] == [0, 0, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=60)
@given(convolutions(), st.booleans(), st.booleans(), st.booleans(), seeds)
def test_conv2d_equals_its_formula(dtype, case, has_bias, relu, pool, seed):
    x_shape, w_shape, stride, dilation = case
    rng = np.random.default_rng(seed)
    x, w = floats(x_shape, rng, dtype), floats(w_shape, rng, dtype)
    b = floats(w_shape[0] * w_shape[4], rng, dtype) if has_bias else None
    y, _ = convolved(x, w, *case[2:], b, relu, pool)

    def formula(x, w, b, low):
        z = np.einsum("nijguva,guvab->nijgb", patches(x, w_shape, stride, dilation), w)
        z = z.reshape(result_shape(*case)) + (b if has_bias else 0)
        return np.maximum(blocks(z).max(axis=-1) if pool else z, low)

    X, W, B = (np.float64(0 if a is None else a) for a in (x, w, b))
    magnitude = formula(abs(X), abs(W), abs(B), 0)  # of the largest in the block: it bounds the error of each
    assert_sums_agree(y, formula(X, W, B, 0 if relu else -np.inf), magnitude, int(np.prod(w_shape[1:4])) + 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=60)
@given(convolutions(), st.integers(0, 2), st.integers(0, 2), st.integers(1, ALL), seeds)
def test_bias_relu_and_pooling_in_the_same_pass_give_the_bits_of_one_after_the_other(dtype, case, top, left, threads, seed):
    x_shape, w_shape, *options = case
    rng = np.random.default_rng(seed)
    x, w = numbers_with_ties(x_shape, rng, dtype), numbers_with_ties(w_shape, rng, dtype)
    b = rng.integers(-3, 4, w_shape[0] * w_shape[4]).astype(dtype)
    z = convolved(x, w, *options)[0] + b
    pooled, place = blocks(z).max(axis=-1, initial=-np.inf), np.zeros(blocks(z).shape[:4], np.uint8)
    if place.size:
        place = blocks(z).argmax(axis=-1)  # NumPy's rule is ours: a NaN wins, and of equals the first
    for with_relu, low in (False, -np.inf), (True, 0):
        for pool, expected in (False, z), (True, pooled):
            expected = relu(expected) if with_relu else expected
            y, argmax = convolved(x, w, *options, b, with_relu, pool)
            np.testing.assert_array_equal(y, expected)
            np.testing.assert_array_equal(
                convolved_into_a_border(x, w, *options, b, low, 1 + pool, (top, left), threads), expected)
            if pool:
                np.testing.assert_array_equal(argmax, place)


@pytest.mark.parametrize("wide, rest", [(0, 1), (0, LANES // 2), (1, 1), (1, LANES // 2), (2, 2)])
@pytest.mark.parametrize("stride, kernel, c", [((1, 1), (3, 3), 6), ((2, 1), (2, 5), 4), ((1, 2), (1, 3), 7)])
def test_channels_in_registers_of_their_own_and_narrow_ones_behind_them_make_one_result(wide, rest, stride, kernel, c):
    rng, o = np.random.default_rng(0), wide * LANES + rest
    x, w = (rng.integers(-9, 10, shape).astype(np.float32) for shape in ((3, 9, 19, c), (1, *kernel, c, o)))
    b = rng.integers(-9, 10, o).astype(np.float32)
    assert narrow_channels(w.shape, (1, 1), w.dtype) == rest
    z = conv2d_formula(x, w, Walk(stride, (1, 1))) + b  # whole numbers: exact
    np.testing.assert_array_equal(convolved(x, w, stride, (1, 1), b)[0], z)
    pooled = blocks(z).max(axis=-1)
    np.testing.assert_array_equal(convolved(x, w, stride, (1, 1), b, pool=True)[0], pooled)
    for pool, expected in (1, z), (2, pooled):
        np.testing.assert_array_equal(convolved_into_a_border(x, w, stride, (1, 1), b, -np.inf, pool, (1, 2), ALL), expected)


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_nan_comes_through_pooling_and_relu_from_any_place(pool, place):
    x = np.full((1, 2, 2, 1), np.inf)
    x.reshape(-1)[place:] = np.nan  # the first of several
    y, argmax = convolved(x, np.ones((1, 1, 1, 1, 1)), (1, 1), (1, 1), np.zeros(1), relu=True, pool=pool)
    assert np.isnan(y).sum() == (1 if pool else 4 - place) and (not pool or argmax.item() == place)


@pytest.mark.parametrize("pool", [False, True])
def test_relu_in_the_same_pass_has_no_negative_zero(pool):
    x, w, b = np.full((1, 2, 2, 1), -1e-30, np.float32), np.full((1, 1, 1, 1, 1), 1e-30, np.float32), -np.zeros(1, np.float32)
    assert np.signbit(convolved(x, w, (1, 1), (1, 1), b, pool=pool)[0]).all()  # −1e-60 is −0
    assert not np.signbit(convolved(x, w, (1, 1), (1, 1), b, relu=True, pool=pool)[0]).any()


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_of_the_two_zeros_the_first_is_pooled_with_and_without_places(place):
    x, w, b = np.zeros((1, 2, 2, 1), np.float32), np.full((1, 1, 1, 1, 1), 1e-30, np.float32), -np.zeros(1, np.float32)
    x.reshape(-1)[place] = -1e-30  # its product is −0, the others are 0
    for y in (convolved(x, w, (1, 1), (1, 1), b, pool=True)[0],
              convolved_into_a_border(x, w, (1, 1), (1, 1), b, -np.inf, 2, (0, 0), 1)):
        assert y.item() == 0 and np.signbit(y.item()) == (place == 0)


@pytest.mark.parametrize(("G", "c", "o"), GROUPS)
@pytest.mark.parametrize("pool", [False, True])
def test_an_image_has_the_same_bits_whatever_images_are_with_it(pool, G, c, o):
    rng = np.random.default_rng(0)
    x, w, b = (floats(shape, rng, np.float32) for shape in ((5, 9, 12, G * c), (G, 3, 3, c, o), G * o))
    y, argmax = convolved(x, w, (1, 1), (1, 1), b, True, pool)
    for n in range(5):
        alone, place = convolved(x[n : n + 1], w, (1, 1), (1, 1), b, True, pool)
        assert alone.tobytes() == y[n].tobytes() and (not pool or place.tobytes() == argmax[n].tobytes())


@pytest.mark.parametrize("pool", [False, True])
def test_a_batch_of_no_images_has_no_results(pool):
    y, _ = convolved(np.ones((0, 4, 4, 3)), np.ones((1, 3, 3, 3, 2)), (1, 1), (1, 1), None, True, pool)
    assert y.shape == ((0, 1, 1, 2) if pool else (0, 2, 2, 2))


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize(("G", "c", "o"), GROUPS)
@pytest.mark.parametrize("width", [6, 9, 12])
def test_no_byte_past_the_arrays_is_read_or_written(before_a_wall, width, G, c, o, pool):
    x, w, b = (before_a_wall(np.ones(shape)) for shape in ((2, 7, width, G * c), (G, 3, 2, c, o), (G * o,)))
    N, H, W, O = result_shape(x.shape, w.shape, (2, 2), (1, 1))
    y = before_a_wall(np.zeros((N, H // 2, W // 2, O) if pool else (N, H, W, O)))
    argmax = before_a_wall(np.full(y.shape, 9, np.uint8)) if pool else None
    conv2d(x, w, y, Walk((2, 2), (1, 1)), b, True, argmax)
    assert (y == 6 * c + 1).all() and (not pool or (argmax == 0).all())


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize(("G", "c", "o"), GROUPS)
def test_the_number_of_threads_changes_no_bit(threads, G, c, o, pool):
    rng = np.random.default_rng(0)
    x, w, b = (floats(shape, rng, np.float32) for shape in ((5, 13, 14, G * c), (G, 3, 3, c, o), G * o))
    results = []
    for count in (1, 2):
        threads(count)
        results.append([a.tobytes() for a in convolved(x, w, (1, 1), (1, 1), b, True, pool) if a is not None])
    assert results[0] == results[1]
