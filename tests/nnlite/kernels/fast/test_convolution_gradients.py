import numpy as np
import pytest
from convolutions import convolutions, floats, gradients_by_the_formulas, result_shape, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_sums_agree

from nnlite.kernels import LANES, Walk, conv2d_gradients, narrow_channels


def gradients(x, w, dy, stride, dilation, padding=(0, 0), y=None, argmax=None):
    """(dx, dw, db) of conv2d_gradients, filled into arrays of NaN."""
    (N, H, W, C), (top, left) = x.shape, padding
    dx, dw, db = (np.full(shape, np.nan, x.dtype) for shape in ((N, H - 2 * top, W - 2 * left, C), w.shape, dy.shape[3]))
    conv2d_gradients(x, w, dy, dx, dw, db, Walk(stride, dilation, padding), y, argmax)
    return dx, dw, db


def back_through_relu_and_pooling(dy, y, argmax, shape):
    """dz of the given shape: each dy at its place, where y > 0."""
    d = dy if y is None else np.where(y > 0, dy, 0)
    if argmax is None:
        return d
    dz, (n, i, j, o) = np.zeros(shape, dy.dtype), np.indices(dy.shape)
    dz[n, 2 * i + argmax // 2, 2 * j + argmax % 2, o] = d
    return dz


@st.composite
def cases(draw):
    """A convolution of up to 13 images (four parts), a padding, and whether ReLU and pooling are behind it."""
    case = draw(convolutions(most_images=13))
    padding = [draw(st.integers(0, min(2, (size - 1) // 2))) for size in case[0][1:3]]
    return case, padding, draw(st.booleans()), draw(st.booleans())


def operands(case, padding, relu, pool, rng, dtype):
    """x with its border of zeros, w, dy, y and argmax; y of any sign, argmax any place: as if some forward pass had said so."""
    x_shape, w_shape, stride, dilation = case
    N, H, W, O = shape = result_shape(*case)
    x, (top, left) = np.zeros(x_shape, dtype), padding
    inside = x[:, top : x_shape[1] - top, left : x_shape[2] - left]
    inside[...] = floats(inside.shape, rng, dtype)
    dy_shape = (N, H // 2, W // 2, O) if pool else shape
    y = floats(dy_shape, rng, dtype) if relu else None
    if relu:
        y[rng.random(dy_shape) < 0.2] = rng.choice([0.0, -0.0, np.nan, -np.inf])
    argmax = rng.integers(0, 4, dy_shape, np.uint8) if pool else None
    return x, floats(w_shape, rng, dtype), floats(dy_shape, rng, dtype), y, argmax


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=60)
@given(cases(), seeds)
def test_the_gradients_equal_their_formulas(dtype, example, seed):
    case, (top, left), relu, pool = example
    (_, H, W, _), (_, kh, kw, _, o), *options = case
    x, w, dy, y, argmax = operands(*example, np.random.default_rng(seed), dtype)
    dx, dw, db = gradients(x, w, dy, *options, (top, left), y, argmax)
    X, F, Z = (a.astype(np.float64) for a in (x, w, back_through_relu_and_pooling(dy, y, argmax, result_shape(*case))))
    expected = gradients_by_the_formulas(X, F, Z, *options)
    magnitude = gradients_by_the_formulas(abs(X), abs(F), abs(Z), *options)
    inside = np.s_[:, top : H - top, left : W - left]
    assert_sums_agree(dx, expected[0][inside], magnitude[0][inside], kh * kw * o)
    assert_sums_agree(dw, expected[1], magnitude[1], int(np.prod(Z.shape[:3])))
    assert_sums_agree(db, expected[2], magnitude[2], int(np.prod(Z.shape[:3])))


@settings(deadline=None, max_examples=40)
@given(cases(), seeds)
def test_going_back_in_the_same_pass_gives_the_bits_of_going_back_before(example, seed):
    case, padding, *_ = example
    x, w, dy, y, argmax = operands(*example, np.random.default_rng(seed), np.float32)
    dz = back_through_relu_and_pooling(dy, y, argmax, result_shape(*case))
    dx, dw, db = gradients(x, w, dy, *case[2:], padding, y, argmax)
    apart = gradients(x, w, dz, *case[2:], padding)
    np.testing.assert_array_equal(dx, apart[0])
    if argmax is None:  # else dz has more numbers, is cut into other parts, and the sums run in another order
        np.testing.assert_array_equal(dw, apart[1])
        np.testing.assert_array_equal(db, apart[2])


@settings(deadline=None, max_examples=40)
@given(cases(), seeds)
def test_the_other_gradients_have_the_same_bits_where_dx_is_not_wanted(example, seed):
    case, padding, *_ = example
    x, w, dy, y, argmax = operands(*example, np.random.default_rng(seed), np.float32)
    _, dw, db = gradients(x, w, dy, *case[2:], padding, y, argmax)
    only_dw, only_db = np.full_like(dw, np.nan), np.full_like(db, np.nan)
    conv2d_gradients(x, w, dy, None, only_dw, only_db, Walk(case[2], case[3], tuple(padding)), y, argmax)
    assert (dw.tobytes(), db.tobytes()) == (only_dw.tobytes(), only_db.tobytes())


@pytest.mark.parametrize("kernel", [1, 5])  # dw smaller than dy: several parts; larger: one
@pytest.mark.parametrize("N", [0, 1, 3, 4, 5, 8, 9, 13, 21])
def test_every_image_counts_once(N, kernel):
    x, w, dy = np.ones((N, 5, 5, 4)), np.ones((1, kernel, kernel, 4, 3)), np.ones((N, 6 - kernel, 6 - kernel, 3))
    dx, dw, db = gradients(x, w, dy, (1, 1), (1, 1))
    assert (dw == N * (6 - kernel) ** 2).all() and (db == N * (6 - kernel) ** 2).all() and (dx == 3).all()


@pytest.mark.parametrize("c", [1, LANES // 2, LANES + 1, LANES + LANES // 2, 2 * LANES + 2])
def test_input_channels_in_registers_of_their_own_and_narrow_ones_behind_them_have_one_gradient(c):
    rng = np.random.default_rng(0)
    x, w, dy = (rng.integers(-9, 10, shape).astype(np.float32) for shape in ((3, 9, 12, c), (1, 3, 3, c, 6), (3, 7, 10, 6)))
    assert narrow_channels((1, 3, 3, 6, c), (1, 1), w.dtype) == c % LANES
    expected = np.zeros_like(x)
    for u in range(3):
        for v in range(3):
            expected[:, u : u + 7, v : v + 10] += dy @ w[0, u, v].T  # whole numbers: exact
    np.testing.assert_array_equal(gradients(x, w, dy, (1, 1), (1, 1))[0], expected)


def test_weights_of_no_channels_have_gradients_of_no_numbers():
    dx, dw, db = gradients(np.ones((2, 4, 4, 0)), np.ones((1, 3, 3, 0, 5)), np.ones((2, 2, 2, 5)), (1, 1), (1, 1))
    assert dx.size == dw.size == 0 and (db == 8).all()


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize(("G", "c", "o", "stride"), [(2, 2, 5, 1), (19, 1, 1, 1), (1, 5, 7, 2)])
def test_the_input_gradient_of_an_image_has_the_same_bits_whatever_images_are_with_it(G, c, o, stride, pool):
    case = ((9, 8, 7, G * c), (G, 3, 3, c, o), (stride, stride), (1, 1))
    x, w, dy, y, argmax = operands(case, (1, 1), True, pool, np.random.default_rng(0), np.float32)
    dx, *_ = gradients(x, w, dy, *case[2:], (1, 1), y, argmax)
    for n in range(9):
        one = slice(n, n + 1)
        alone, *_ = gradients(x[one], w, dy[one], *case[2:], (1, 1), y[one], argmax[one] if pool else None)
        assert alone.tobytes() == dx[one].tobytes()


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("case", [
    ((3, 7, 8, 3), (1, 3, 2, 3, 5), (1, 1), (1, 1)),
    ((5, 8, 9, 6), (3, 2, 3, 2, 3), (2, 1), (1, 2)),
    ((5, 8, 9, 19), (19, 3, 3, 1, 1), (2, 1), (1, 2)),
    ((5, 8, 9, 5), (1, 3, 2, 5, 7), (2, 2), (1, 1)),
])
def test_no_byte_past_the_arrays_is_read_or_written(before_a_wall, case, pool):
    arrays = operands(case, (1, 1), True, pool, np.random.default_rng(0), np.float32)
    expected = gradients(*arrays[:3], *case[2:], (1, 1), *arrays[3:])
    x, w, dy, y, argmax = (None if a is None else before_a_wall(a) for a in arrays)
    dx, dw, db = (before_a_wall(np.full_like(a, np.nan)) for a in expected)
    conv2d_gradients(x, w, dy, dx, dw, db, Walk(case[2], case[3], (1, 1)), y, argmax)
    for a, b in zip((dx, dw, db), expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize(("G", "c", "o", "stride"), [(1, 6, 4, 1), (2, 3, 2, 1), (19, 1, 1, 1), (1, 6, 4, 2)])
def test_the_number_of_threads_changes_no_bit(threads, G, c, o, stride, pool):
    case = ((23, 13, 14, G * c), (G, 3, 3, c, o), (stride, stride), (1, 1))
    x, w, dy, y, argmax = operands(case, (1, 1), True, pool, np.random.default_rng(0), np.float32)
    results = []
    for count in (1, 2):
        threads(count)
        results.append([a.tobytes() for a in gradients(x, w, dy, *case[2:], (1, 1), y, argmax)])
    assert results[0] == results[1]
