import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_sums_agree, check_dtypes_and_layouts, check_gradients, sample

from nnlite import Tensor
from nnlite import functional as F

OPTIONS = [(k, s, p) for k, s, p in itertools.product([1, 2, 3, (3, 2)], [None, 1, 2, (1, 3)], [0, 1, (1, 0)])
           if all(2 * a <= b for a, b in zip(np.broadcast_to(p, 2), np.broadcast_to(k, 2), strict=True))]


def windows(x, kernel_size, stride, padding):
    """(i, j, pixels): the numbers of each window that lie inside the image, as an array (N, C, rows, columns)."""
    (kh, kw), (ph, pw) = np.broadcast_to(kernel_size, 2), np.broadcast_to(padding, 2)
    sh, sw = (kh, kw) if stride is None else np.broadcast_to(stride, 2)
    H, W = x.shape[2:]
    for i, top in enumerate(range(-ph, H + ph - kh + 1, sh)):
        for j, left in enumerate(range(-pw, W + pw - kw + 1, sw)):
            yield i, j, x[:, :, max(top, 0) : top + kh, max(left, 0) : left + kw]


@pytest.mark.parametrize("options", OPTIONS)
@settings(deadline=None, max_examples=10)
@given(st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(3, 7), st.integers(3, 7)), st.integers(0, 2**32 - 1))
def test_each_result_is_the_maximum_or_the_mean_of_its_window(options, shape, seed):
    x = np.random.default_rng(seed).standard_normal(shape)
    largest, mean = F.max_pool2d(x, *options).data, F.avg_pool2d(x, *options).data
    places = int(np.prod(np.broadcast_to(options[0], 2)))
    for i, j, pixels in windows(x, *options):
        np.testing.assert_array_equal(largest[:, :, i, j], pixels.max(axis=(2, 3)))
        assert_sums_agree(mean[:, :, i, j], pixels.sum(axis=(2, 3)) / places, abs(pixels).sum(axis=(2, 3)) / places, places + 1)
    assert largest.shape == mean.shape == (*shape[:2], i + 1, j + 1)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("function", [F.max_pool2d, F.avg_pool2d])
def test_gradients_of_pooling_with_all_options(function, options):
    check_gradients(lambda x: function(x, *options), (1, 2, 5, 6))


@pytest.mark.parametrize("function", [F.max_pool2d, F.avg_pool2d])
def test_gradients_of_pooling_on_a_large_batch(function):
    check_gradients(lambda x: function(x, 3, 2, 1), (3, 5, 14, 13))
    check_dtypes_and_layouts(lambda x: function(x, 3, 2, 1), (2, 3, 5, 6))


def test_adaptive_pooling_is_the_mean_of_each_image():
    x = sample((2, 3, 4, 5))
    y = F.adaptive_avg_pool2d(x)
    assert y.shape == (2, 3, 1, 1)
    np.testing.assert_allclose(y.data[:, :, 0, 0], np.einsum("nchw->nc", x) / 20, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(F.adaptive_avg_pool2d(x, (1, 1)).data, y.data)
    check_gradients(F.adaptive_avg_pool2d, (2, 3, 2, 3))
    check_gradients(lambda x: F.adaptive_avg_pool2d(x, 1), (3, 5, 14, 13))


def test_adaptive_pooling_to_a_size_that_divides_the_images_is_pooling_by_windows():
    x = sample((2, 3, 6, 8))
    np.testing.assert_array_equal(F.adaptive_avg_pool2d(x, (3, 2)).data, F.avg_pool2d(x, (2, 4)).data)
    np.testing.assert_array_equal(F.adaptive_avg_pool2d(x, (None, 8)).data, x)


def test_adaptive_pooling_to_other_sizes_takes_windows_that_overlap():
    """Five pixels to three: {0, 1}, {1, 2, 3}, {3, 4}."""
    x = np.array([2.0, 4, 8, 24, 32])
    assert F.adaptive_avg_pool2d(x.reshape(1, 1, 1, 5), (1, 3)).data.tolist() == [[[[3, 12, 28]]]]
    assert F.adaptive_avg_pool2d(x.reshape(1, 1, 5, 1), (3, 1)).data.tolist() == [[[[3], [12], [28]]]]
    assert F.adaptive_avg_pool2d(x[:2].reshape(1, 1, 1, 2), (1, 3)).data.tolist() == [[[[2, 3, 4]]]]
    check_gradients(lambda x: F.adaptive_avg_pool2d(x, (3, 2)), (2, 3, 5, 5))
    check_dtypes_and_layouts(lambda x: F.adaptive_avg_pool2d(x, (3, 2)), (2, 3, 4, 5))


def test_ceil_mode_leaves_no_pixel_out_and_lets_no_window_begin_outside_the_image():
    x = np.array([1.0, 2, 4, 8, 16]).reshape(1, 1, 1, 5)
    assert F.max_pool2d(x, (1, 2)).data.tolist() == [[[[2, 8]]]]
    assert F.max_pool2d(x, (1, 2), ceil_mode=True).data.tolist() == [[[[2, 8, 16]]]]
    assert F.avg_pool2d(x, (1, 2), ceil_mode=True).data.tolist() == [[[[1.5, 6, 16]]]]
    # Stride 3, one zero on each side: the third window would begin at place 5, in the padding.
    assert F.max_pool2d(x, (1, 2), 3, (0, 1), ceil_mode=True).data.tolist() == [[[[1, 8]]]]
    for function in (F.max_pool2d, F.avg_pool2d):
        check_gradients(lambda x, f=function: f(x, 3, 2, 1, ceil_mode=True), (1, 2, 6, 5))


def test_the_zeros_of_the_padding_can_be_left_out_of_a_mean():
    x = np.full((1, 1, 3, 3), 6.0)
    assert F.avg_pool2d(x, 2, 2, 1, count_include_pad=False).data.tolist() == [[[[6, 6], [6, 6]]]]
    assert F.avg_pool2d(x, 2, 2, 1).data.tolist() == [[[[1.5, 3], [3, 6]]]]
    check_gradients(lambda x: F.avg_pool2d(x, 3, 2, 1, True, False), (1, 2, 6, 5))


@pytest.mark.parametrize("size", [224, 1024])
def test_a_float32_mean_of_equal_numbers_is_that_number(size):
    x = np.full((1, 1, size, size), 0.1, np.float32)
    assert F.adaptive_avg_pool2d(x).data.tolist() == [[[[x[0, 0, 0, 0]]]]]


def test_of_equal_maxima_the_first_gets_the_gradient():
    x = Tensor(np.array([[[[1.0, 5.0, 5.0], [5.0, 0.0, 5.0]]]]), requires_grad=True)
    F.max_pool2d(x, 2, 1).backward(np.array([[[[1.0, 10.0]]]]))
    assert x.grad.tolist() == [[[[0, 11, 0], [0, 0, 0]]]]


def test_the_padding_never_wins_a_maximum_and_counts_as_zeros_in_a_mean():
    x = np.full((1, 1, 2, 2), -8.0)
    assert F.max_pool2d(x, 2, 2, 1).data.tolist() == [[[[-8, -8], [-8, -8]]]]
    assert F.avg_pool2d(x, 2, 2, 1).data.tolist() == [[[[-2, -2], [-2, -2]]]]


def test_a_window_of_256_places_is_the_largest():
    x = sample((1, 1, 16, 16))
    x[0, 0, 15, 15] = 9
    assert F.max_pool2d(x, 16).data.tolist() == [[[[9]]]]
    check_gradients(lambda x: F.max_pool2d(x, 16), x)
    with pytest.raises(ValueError, match=r"^MaxPool2d: a window of \(16, 17\) has more than 256 places$"):
        F.max_pool2d(np.ones((1, 1, 17, 17)), (16, 17))


@pytest.mark.parametrize(("function", "name"), [(F.max_pool2d, "MaxPool2d"), (F.avg_pool2d, "AvgPool2d")])
@pytest.mark.parametrize(("shape", "options", "message"), [
    ((2, 4, 4), (2,), r"expects x \(N, C, H, W\), got \(2, 4, 4\)$"),
    ((1, 1, 2, 4), (3,), r"a window of \(3, 3\) does not fit into an image of \(2, 4\)$"),
    ((1, 1, 4, 4), (0,), r"kernel_size has to be a whole number ≥ 1 or a pair of such, got 0$"),
    ((1, 1, 4, 4), (None,), r"kernel_size has to be a whole number ≥ 1 or a pair of such, got None$"),
    ((1, 1, 4, 4), (2.5,), r"kernel_size has to be a whole number ≥ 1 or a pair of such, got 2.5$"),
    ((1, 1, 4, 4), (2, 0), r"stride has to be a whole number ≥ 1 or a pair of such, got 0$"),
    ((1, 1, 4, 4), (2, 2, -1), r"padding has to be a whole number ≥ 0 or a pair of such, got -1$"),
    ((1, 1, 4, 4), ((2, 3), 1, (0, 2)), r"padding \(0, 2\) is more than half of the window \(2, 3\)$"),
])
def test_what_does_not_fit_is_named(function, name, shape, options, message):
    with pytest.raises(ValueError, match=f"^{name}: {message}"):
        function(np.ones(shape), *options)


@pytest.mark.parametrize(("function", "name"), [(F.max_pool2d, "MaxPool2d"), (F.avg_pool2d, "AvgPool2d")])
def test_images_of_integers_are_refused(function, name):
    with pytest.raises(TypeError, match=rf"^{name}: expects arrays of one dtype, float32 or float64, got uint8$"):
        function(np.ones((1, 1, 4, 4), np.uint8), 2)


@pytest.mark.parametrize(("shape", "size", "message"), [
    ((1, 1, 4, 4), 0, r"^adaptive_avg_pool2d: output_size has to be a whole number ≥ 1 or a pair of such, got \[0, 0\]$"),
    ((1, 1, 4, 4), (1, 2, 3), r"output_size has to be a whole number ≥ 1 or a pair of such, got \(1, 2, 3\)$"),
    ((4, 4), 1, r"^adaptive_avg_pool2d: expects x \(N, C, H, W\) with pixels, got \(4, 4\)$"),
    ((1, 1, 0, 4), 1, r"^adaptive_avg_pool2d: expects x \(N, C, H, W\) with pixels, got \(1, 1, 0, 4\)$"),
])
def test_adaptive_poolings_that_do_not_fit_are_refused(shape, size, message):
    with pytest.raises(ValueError, match=message):
        F.adaptive_avg_pool2d(np.ones(shape), size)
