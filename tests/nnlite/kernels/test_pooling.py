import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_sums_agree

from nnlite.kernels import Window
from nnlite.kernels.loops.pooling import avg_pool2d_formula, max_pool2d_formula

seeds = st.integers(0, 2**32 - 1)


@st.composite
def poolings(draw):
    """(x_shape, kernel, stride, padding): x (N, H, W, C), padding up to half of the window."""
    kernel = kh, kw = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    padding = ph, pw = draw(st.integers(0, kh // 2)), draw(st.integers(0, kw // 2))
    H, W = (draw(st.integers(max(1, k - 2 * p), 9)) for k, p in ((kh, ph), (kw, pw)))
    stride = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return (draw(st.integers(1, 3)), H, W, draw(st.integers(1, 5))), kernel, stride, padding


def windows(x_shape, kernel, stride, padding):
    """(i, j, places) of every window: its pixels inside the image as (row, column, u·kw + v), in order."""
    (_, H, W, _), (kh, kw), (sh, sw), (ph, pw) = x_shape, kernel, stride, padding
    for i, top in enumerate(range(-ph, H + ph - kh + 1, sh)):
        for j, left in enumerate(range(-pw, W + pw - kw + 1, sw)):
            places = [(top + u, left + v, u * kw + v) for u in range(kh) for v in range(kw)]
            yield i, j, [(r, s, k) for r, s, k in places if 0 <= r < H and 0 <= s < W]


def result_shape(x_shape, kernel, stride, padding):
    i, j, _ = max((i, j, 0) for i, j, _ in windows(x_shape, kernel, stride, padding))
    return x_shape[0], i + 1, j + 1, x_shape[3]


@settings(deadline=None, max_examples=50)
@given(poolings(), seeds)
def test_the_references_equal_a_loop_over_windows(case, seed):
    x_shape, kernel, stride, padding = case
    x = np.random.default_rng(seed).standard_normal(x_shape)
    largest, mean = np.empty((2, *result_shape(*case)))
    for i, j, places in windows(*case):
        pixels = np.array([x[:, r, s] for r, s, _ in places])
        largest[:, i, j], mean[:, i, j] = pixels.max(axis=0), pixels.sum(axis=0) / (kernel[0] * kernel[1])
    np.testing.assert_array_equal(max_pool2d_formula(x, Window(*kernel, *stride, *padding)), largest)
    np.testing.assert_allclose(avg_pool2d_formula(x, Window(*kernel, *stride, *padding)), mean, rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=50)
@given(poolings(), seeds)
def test_max_pool2d_equals_its_reference_and_names_the_first_place_that_holds_it(shelf, dtype, case, seed):
    x = np.random.default_rng(seed).integers(-2, 3, case[0]).astype(dtype)  # many equal ones
    y, argmax = np.full(result_shape(*case), np.nan, dtype), np.full(result_shape(*case), 255, np.uint8)
    shelf.max_pool2d(x, y, argmax, Window(*case[1], *case[2], *case[3]))
    np.testing.assert_array_equal(y, max_pool2d_formula(x, Window(*case[1], *case[2], *case[3])))
    for i, j, places in windows(*case):
        holds_it = np.array([x[:, r, s] == y[:, i, j] for r, s, _ in places])
        np.testing.assert_array_equal(argmax[:, i, j], np.array([k for *_, k in places])[holds_it.argmax(axis=0)])


@pytest.mark.parametrize("place", range(4))
def test_a_nan_is_the_maximum_of_its_window(shelf, place):
    x = np.array([3.0, -1.0, 7.0, 2.0])
    x[place] = np.nan
    y, argmax = np.empty((1, 1, 1, 1)), np.empty((1, 1, 1, 1), np.uint8)
    shelf.max_pool2d(x.reshape(1, 2, 2, 1), y, argmax, Window(2, 2, 2, 2, 0, 0))
    assert np.isnan(y.item()) and argmax.item() == place


def test_minus_infinity_is_a_maximum_like_any_other(shelf):
    x, y, argmax = np.full((1, 2, 2, 1), -np.inf), np.empty((1, 2, 2, 1)), np.empty((1, 2, 2, 1), np.uint8)
    shelf.max_pool2d(x, y, argmax, Window(2, 2, 2, 2, 1, 1))
    assert (y == -np.inf).all()
    assert argmax.reshape(-1).tolist() == [3, 2, 1, 0]  # the one pixel of each window that lies in the image


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=50)
@given(poolings(), seeds)
def test_avg_pool2d_equals_its_reference(shelf, dtype, case, seed):
    x = np.random.default_rng(seed).standard_normal(case[0]).astype(dtype)
    y = np.full(result_shape(*case), np.nan, dtype)
    window, X = Window(*case[1], *case[2], *case[3]), x.astype(np.float64)
    shelf.avg_pool2d(x, y, window)
    assert_sums_agree(y, avg_pool2d_formula(X, window), avg_pool2d_formula(abs(X), window), window.places + 1)


@settings(deadline=None, max_examples=50)
@given(poolings(), seeds)
def test_the_gradient_of_a_maximum_goes_to_the_place_that_won(shelf, case, seed):
    rng = np.random.default_rng(seed)
    x, dy = rng.standard_normal(case[0]), rng.integers(-9, 10, result_shape(*case)).astype(np.float64)
    dx, expected = np.full(case[0], np.nan), np.zeros(case[0])
    argmax = np.zeros(dy.shape, np.uint8)
    for i, j, places in windows(*case):
        for n, c in np.ndindex(dy.shape[0], dy.shape[3]):
            r, s, argmax[n, i, j, c] = max(places, key=lambda place: x[n, place[0], place[1], c])  # noqa: B023
            expected[n, r, s, c] += dy[n, i, j, c]
    shelf.max_pool2d_gradient(dy, argmax, dx, Window(*case[1], *case[2], *case[3]))
    np.testing.assert_array_equal(dx, expected)


@settings(deadline=None, max_examples=50)
@given(poolings(), seeds)
def test_the_gradient_of_a_mean_goes_to_every_place_of_the_window(shelf, case, seed):
    dy = np.random.default_rng(seed).standard_normal(result_shape(*case))
    dx, expected, magnitude = np.full(case[0], np.nan), np.zeros(case[0]), np.zeros(case[0])
    kh, kw = case[1]
    for i, j, places in windows(*case):
        for r, s, _ in places:
            expected[:, r, s] += dy[:, i, j] / (kh * kw)
            magnitude[:, r, s] += abs(dy[:, i, j]) / (kh * kw)
    shelf.avg_pool2d_gradient(dy, dx, Window(*case[1], *case[2], *case[3]))
    assert_sums_agree(dx, expected, magnitude, kh * kw)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_places_that_do_not_count_and_windows_beyond_the_padding(shelf, dtype):
    """One row of 4 pixels, windows of 3 from −1 on, every 2: {_, 0, 1}, {1, 2, 3}, {3, _, beyond}."""
    x, window = np.array([2, 4, 8, 16], dtype).reshape(1, 1, 4, 1), Window(1, 3, 1, 2, 0, 1)
    dy = np.array([6, 12, 24], dtype).reshape(1, 1, 3, 1)
    for count_padding, means, shares in ((True, [6 / 3, 28 / 3, 16 / 2], [2, 4, 12]), (False, [6 / 2, 28 / 3, 16], [3, 4, 24])):
        y, dx = np.empty_like(dy), np.empty_like(x)
        shelf.avg_pool2d(x, y, window, count_padding)
        assert y.reshape(-1).tolist() == np.array(means, dtype).tolist()
        shelf.avg_pool2d_gradient(dy, dx, window, count_padding)
        a, b, c = shares
        assert dx.reshape(-1).tolist() == [a, a + b, b, b + c]
    y, argmax = np.empty_like(dy), np.empty(dy.shape, np.uint8)
    shelf.max_pool2d(x, y, argmax, window)
    assert y.reshape(-1).tolist() == [4, 16, 16] and argmax.reshape(-1).tolist() == [2, 2, 0]


@pytest.mark.parametrize("size", [224, 1024])
def test_the_mean_of_a_large_image_of_equal_numbers_is_that_number(shelf, size):
    x, y = np.full((1, size, size, 1), 0.1, np.float32), np.empty((1, 1, 1, 1), np.float32)
    shelf.avg_pool2d(x, y, Window(size, size, 1, 1, 0, 0))
    assert y.item() == np.float32(0.1)


def test_the_number_of_threads_changes_no_bit(shelf, threads):
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((5, 12, 11, 3)), rng.standard_normal((5, 10, 9, 3))
    (y, mean), (dx, dx_mean), argmax = np.empty((2, *dy.shape)), np.empty((2, *x.shape)), np.empty(dy.shape, np.uint8)
    results = []
    for count in (1, 2):
        threads(count)
        shelf.max_pool2d(x, y, argmax, Window(3, 3, 1, 1, 0, 0))
        shelf.max_pool2d_gradient(dy, argmax, dx, Window(3, 3, 1, 1, 0, 0))
        shelf.avg_pool2d(x, mean, Window(3, 3, 1, 1, 0, 0))
        shelf.avg_pool2d_gradient(dy, dx_mean, Window(3, 3, 1, 1, 0, 0))
        results.append([a.tobytes() for a in (y, argmax, dx, mean, dx_mean)])
    assert results[0] == results[1]
