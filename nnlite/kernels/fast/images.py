"""The orders of images in memory, in threads, three colours a register at a time: 4 times as fast as the loops; back, equal.

Users give images in the order (N, C, H, W); kernels read them in the order (N, H, W, C). An array of shape (N, C, H, W) may
have either order in memory; the functions here look at its strides.
"""

import numpy as np

from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.memory import empty
from nnlite.kernels.machine.sharing import share_out
from nnlite.kernels.machine.threads import MOVE, parallel_kernel, threads_for
from nnlite.kernels.simd.vector import interleave_three, lanes


def to_nhwc(x, border=(0, 0)):
    """x (N, C, H, W) -> (N, H + 2·top, W + 2·left, C), contiguous, zeros around; a view of x if there is nothing to do."""
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
    threads = threads_for(MOVE * x.size)
    if x.transpose(0, 2, 3, 1).flags.c_contiguous:
        _enter_nhwc(x.transpose(0, 2, 3, 1), y, top, left, threads)
    else:
        _enter_nchw(np.ascontiguousarray(x), y, top, left, threads)


def to_nchw(x):
    """x (N, C, H, W) in any order in memory -> the same, C-contiguous."""
    images = x.transpose(0, 2, 3, 1)
    if x.flags.c_contiguous or not images.flags.c_contiguous:
        return np.ascontiguousarray(x)
    y = empty(x.shape, x.dtype)
    _leave(images, y, threads_for(MOVE * x.size))
    return y


@parallel_kernel
def _enter_nhwc(x, y, top, left, threads):
    share_out(enter_row_nhwc, len(x) * x.shape[1], threads, (x, y, top, left))


@inner_kernel
def enter_row_nhwc(t, thread, x, y, top, left):
    _, H, W, C = x.shape
    n, i = t // H, t % H
    for j in range(W):
        for c in range(C):
            y[n, top + i, left + j, c] = x[n, i, j, c]


@parallel_kernel
def _enter_nchw(x, y, top, left, threads):
    share_out(enter_row_nchw, len(x) * x.shape[2], threads, (x, y, top, left))


@inner_kernel
def enter_row_nchw(t, thread, x, y, top, left):
    _, C, H, W = x.shape
    like, size, n, i = y.dtype, y.itemsize, t // H, t % H
    if C == 3:  # pictures with colours
        for j in range(0, W, lanes(like)):
            interleave_three(like, x.ctypes.data + ((n * C * H + i) * W + j) * size, H * W * size,
                             y.ctypes.data + (((n * y.shape[1] + top + i) * y.shape[2] + left + j) * C) * size, W - j)
        return
    for c in range(C):
        for j in range(W):
            y[n, top + i, left + j, c] = x[n, c, i, j]


@parallel_kernel
def _leave(x, y, threads):
    share_out(leave_image, len(x), threads, (x, y))


@inner_kernel
def leave_image(n, thread, x, y):
    _, H, W, C = x.shape
    for i in range(H):
        for c in range(C):
            for j in range(W):
                y[n, c, i, j] = x[n, i, j, c]
