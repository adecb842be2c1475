"""Images between the two orders in memory, (N, C, H, W) as users give them and (N, H, W, C) as kernels read them.

An array of shape (N, C, H, W) may lie in memory either way; the functions here look at its strides.
"""

import numpy as np
from numba import prange

from nnlite.kernels.memory import empty
from nnlite.kernels.threads import MOVE, parallel_kernel, use_threads
from nnlite.kernels.vector import interleave_three, lanes


def to_nhwc(x, border=(0, 0)):
    """x (N, C, H, W) -> (N, H + 2·top, W + 2·left, C), contiguous, zeros around; x itself as a view where nothing is to do."""
    (top, left), (N, C, H, W) = border, x.shape
    if x.transpose(0, 2, 3, 1).flags.c_contiguous and top == left == 0:
        return x.transpose(0, 2, 3, 1)
    y = empty((N, H + 2 * top, W + 2 * left, C), x.dtype)
    y[:, :top] = y[:, H + top :] = 0
    y[:, :, :left] = y[:, :, W + left :] = 0
    enter(x, y, top, left)
    return y


def enter(x, y, top, left):
    """Copy x (n, C, H, W) to the inside of y (≥ n, H + 2·top, W + 2·left, C); its border stays as it is."""
    use_threads(MOVE * x.size)
    if x.transpose(0, 2, 3, 1).flags.c_contiguous:
        _enter_nhwc(x.transpose(0, 2, 3, 1), y, top, left)
    else:
        _enter_nchw(np.ascontiguousarray(x), y, top, left)


def to_nchw(x):
    """x (N, C, H, W) in any order in memory -> the same, C-contiguous."""
    images = x.transpose(0, 2, 3, 1)
    if x.flags.c_contiguous or not images.flags.c_contiguous:
        return np.ascontiguousarray(x)
    y = empty(x.shape, x.dtype)
    use_threads(MOVE * x.size)
    _leave(images, y)
    return y


@parallel_kernel
def _enter_nhwc(x, y, top, left):
    N, H, W, C = x.shape
    for t in prange(N * H):
        n, i = t // H, t % H
        for j in range(W):
            for c in range(C):
                y[n, top + i, left + j, c] = x[n, i, j, c]


@parallel_kernel
def _enter_nchw(x, y, top, left):
    N, C, H, W = x.shape
    size, x_data, y_data = y.itemsize, x.ctypes.data, y.ctypes.data
    for t in prange(N * H):
        like, n, i = y.dtype, t // H, t % H
        if C == 3:  # pictures with colours
            for j in range(0, W, lanes(like)):
                interleave_three(like, x_data + ((n * C * H + i) * W + j) * size, H * W * size,
                                 y_data + (((n * y.shape[1] + top + i) * y.shape[2] + left + j) * C) * size, W - j)
            continue
        for c in range(C):
            for j in range(W):
                y[n, top + i, left + j, c] = x[n, c, i, j]


@parallel_kernel
def _leave(x, y):
    N, H, W, C = x.shape
    for n in prange(N):
        for i in range(H):
            for c in range(C):
                for j in range(W):
                    y[n, c, i, j] = x[n, i, j, c]
