"""Images between the two orders in memory, (N, C, H, W) as users give them and (N, H, W, C) as kernels read them.

Source: the two orders are PyTorch's memory formats, contiguous and channels_last.
"""

import numpy as np

from nnlite.kernels.machine.cache import njit


def to_nhwc(x, border=(0, 0)):
    """x (N, C, H, W) -> (N, H + 2·top, W + 2·left, C), contiguous, zeros around; a view of x if there is nothing to do."""
    (top, left), (N, C, H, W) = border, x.shape
    if x.transpose(0, 2, 3, 1).flags.c_contiguous and top == left == 0:
        return x.transpose(0, 2, 3, 1)
    y = np.zeros((N, H + 2 * top, W + 2 * left, C), x.dtype)
    enter(x, y, top, left)
    return y


@njit(cache=True)
def enter(x, y, top, left):
    """y[n, top + i, left + j, c] = x[n, c, i, j]; the border of y (≥ N, H + 2·top, W + 2·left, C) stays as it is."""
    N, C, H, W = x.shape
    for n in range(N):
        for i in range(H):
            for j in range(W):
                for c in range(C):
                    y[n, top + i, left + j, c] = x[n, c, i, j]


def to_nchw(x):
    """x (N, C, H, W) in any order in memory -> the same, C-contiguous."""
    return np.ascontiguousarray(x)
