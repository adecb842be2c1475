"""Each exercise of lesson 02 can be solved, and its test notices a wrong solution."""

import numpy as np
import pytest
from lessons import cells_run
from numpy.lib.stride_tricks import sliding_window_view


@pytest.fixture(scope="module")
def layers():
    return cells_run("02_layers")


def linear_gradients(x, w, dy):
    rows, dy_rows = x.reshape(-1, w.shape[1]), dy.reshape(-1, w.shape[0])
    return dy @ w, dy_rows.T @ rows, dy_rows.sum(axis=0)


def linear_gradients_transposed(x, w, dy):
    dx, dw, db = linear_gradients(x, w, dy)
    return dx, dw.T, db


def conv_by_patches(x, w):
    windows = sliding_window_view(x, w.shape[2:], axis=(2, 3))                  # (N, C, H', W', kh, kw)
    N, _, H, W = windows.shape[:4]
    rows = windows.transpose(0, 2, 3, 1, 4, 5).reshape(N * H * W, -1)
    return (rows @ w.reshape(len(w), -1).T).reshape(N, H, W, -1).transpose(0, 3, 1, 2)


def max_pool_gradient(x, dy, first=1):
    N, C, H, W = dy.shape
    windows = x.reshape(N, C, H, 2, W, 2).transpose(0, 1, 2, 4, 3, 5).reshape(N, C, H, W, 4)
    best = windows.argmax(axis=4) if first else 3 - windows[..., ::-1].argmax(axis=4)
    dx = (np.arange(4) == best[..., None]) * dy[..., None]
    return dx.reshape(N, C, H, W, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(x.shape)


@pytest.mark.parametrize("test, right, wrong", [
    ("test_linear_gradients", linear_gradients, linear_gradients_transposed),
    ("test_conv_by_patches", conv_by_patches, lambda x, w: conv_by_patches(x, w[:, :, ::-1, ::-1])),
    ("test_max_pool_gradient", max_pool_gradient, lambda x, dy: max_pool_gradient(x, dy, first=0)),
])
def test_the_exercises_of_02_can_be_solved(layers, test, right, wrong):
    layers[test](right)
    with pytest.raises(AssertionError):
        layers[test](wrong)
