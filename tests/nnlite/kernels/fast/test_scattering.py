import numpy as np
import pytest

from nnlite.kernels import Walk, conv2d_gradients
from nnlite.kernels.fast import convolution_gradients
from nnlite.kernels.fast.scattering import lay_out_for_scattering, scatters
from nnlite.kernels.simd.level import LEVEL


def test_it_is_scattered_where_collecting_would_double_the_products_and_rows_of_the_kernel_are_runs():
    assert scatters(groups=1, Q=1, dz_pixels=64, dx_pixels=144) and scatters(1, 1, 64, 128)
    assert not scatters(1, 1, 64, 127) and not scatters(2, 1, 64, 144) and not scatters(1, 3, 64, 144)


@pytest.mark.parametrize("O", [1, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_lie_with_a_run_of_the_image_for_each_channel_of_the_result(dtype, O):
    w = np.arange(2 * 3 * 7 * O, dtype=dtype).reshape(1, 2, 3, 7, O)
    (numbers, group, row, channels), lanes = lay_out_for_scattering(w), LEVEL.vector_bytes // w.itemsize
    assert channels == row and row % lanes == 0 and group == O * row
    laid_out = numbers.reshape(2, O, row)
    for u, v, a, o in np.ndindex(2, 3, 7, O):
        assert laid_out[u, o, 7 * v + a] == w[0, u, v, a, o]
    assert not laid_out[:, :, 21:].any()


def input_gradient(x, w, dy, stride, padding, dilation):
    (N, H, W, C), (top, left) = x.shape, padding
    dx = np.full((N, H - 2 * top, W - 2 * left, C), np.nan, x.dtype)
    conv2d_gradients(x, w, dy, dx, np.empty_like(w), np.empty(dy.shape[3], x.dtype), Walk(stride, dilation, padding))
    return dx


@pytest.mark.parametrize(("size", "kernel", "C", "O", "stride", "padding", "dilation"), [
    ((12, 12), (5, 5), 20, 50, (1, 1), (0, 0), (1, 1)),  # of lenet-5
    ((18, 18), (3, 3), 16, 32, (2, 2), (1, 1), (1, 1)),  # of a resnet
    ((17, 18), (1, 1), 16, 32, (2, 2), (0, 0), (1, 1)),  # pixels that no patch holds
    ((13, 11), (3, 4), 5, 3, (3, 1), (2, 1), (2, 1)),
    ((9, 21), (2, 1), 3, 16, (1, 3), (0, 0), (3, 4)),
])
def test_scattered_and_collected_gradients_are_the_same_numbers(monkeypatch, size, kernel, C, O, stride, padding, dilation):
    rng = np.random.default_rng(0)
    w = rng.integers(-9, 10, (1, *kernel, C, O)).astype(np.float32)  # whole numbers: sums are exact
    x = np.zeros((3, *size, C), np.float32)
    result = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)]
    dy = rng.integers(-9, 10, (3, *result, O)).astype(np.float32)
    taken = []
    image = convolution_gradients.lay_out_for_scattering
    monkeypatch.setattr(convolution_gradients, "lay_out_for_scattering", lambda w: taken.append(1) or image(w))
    scattered = input_gradient(x, w, dy, stride, padding, dilation)
    assert taken, "the example does not scatter"
    monkeypatch.setattr(convolution_gradients, "scatters", lambda *numbers: False)
    np.testing.assert_array_equal(scattered, input_gradient(x, w, dy, stride, padding, dilation))


def test_an_infinite_gradient_reaches_only_the_patch_that_it_belongs_to():
    x, w, dy = np.zeros((1, 7, 7, 2), np.float32), np.ones((1, 3, 3, 2, 1), np.float32), np.zeros((1, 3, 3, 1), np.float32)
    dy[0, 1, 1] = np.inf
    dx = input_gradient(x, w, dy, (2, 2), (0, 0), (1, 1))
    assert np.isposinf(dx[0, 2:5, 2:5]).all()
    dx[0, 2:5, 2:5] = 0
    assert (dx == 0).all()
