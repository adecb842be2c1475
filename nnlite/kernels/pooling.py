"""Pooling over images in (N, H, W, C) memory.

Letters: kh kw window, sh sw stride, ph pw padding, H' W' the result. A window may hang over the edge by the padding: its
outside counts as −∞ for the maximum and as 0 for the average, as in PyTorch.
"""

import numpy as np

from nnlite.kernels.sharing import share_out
from nnlite.kernels.threads import MOVE, inner_kernel, parallel_kernel, threads_for


def max_pool2d_reference(x, kernel, stride, padding):
    """y[n, i, j, c] = max over u, v of x[n, i·sh + u − ph, j·sw + v − pw, c]."""
    return windows(x, kernel, stride, padding, -np.inf).max(axis=(-2, -1))


def avg_pool2d_reference(x, kernel, stride, padding):
    """y[n, i, j, c] = 1/(kh·kw) Σ_u Σ_v x[n, i·sh + u − ph, j·sw + v − pw, c], zeros outside the image counted."""
    return windows(x, kernel, stride, padding, 0).mean(axis=(-2, -1))


def windows(x, kernel, stride, padding, outside):
    """Every window of x (N, H, W, C) with a border of `outside` -> view (N, H', W', C, kh, kw)."""
    ph, pw = padding
    x = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)), constant_values=outside)
    return np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(1, 2))[:, :: stride[0], :: stride[1]]


def max_pool2d(x, y, argmax, kh, kw, sh, sw, ph, pw):
    """y (N, H', W', C) = the maximum, argmax uint8 = u·kw + v of the first place that holds it (a NaN wins)."""
    _max_pool2d(x, y, argmax, kh, kw, sh, sw, ph, pw, threads_for(MOVE * y.size * kh * kw))


@parallel_kernel
def _max_pool2d(x, y, argmax, kh, kw, sh, sw, ph, pw, threads):
    share_out(max_pool_row, len(y) * y.shape[1], threads, (x, y, argmax, kh, kw, sh, sw, ph, pw))


@inner_kernel
def max_pool_row(t, thread, x, y, argmax, kh, kw, sh, sw, ph, pw):
    _, H, W, C = x.shape
    _, out_h, out_w, _ = y.shape
    n, i = t // out_h, t % out_h
    for j in range(out_w):
        first = True
        for u in range(max(0, ph - i * sh), min(kh, H + ph - i * sh)):
            for v in range(max(0, pw - j * sw), min(kw, W + pw - j * sw)):
                r, s = i * sh + u - ph, j * sw + v - pw
                if first:
                    for c in range(C):
                        y[n, i, j, c] = x[n, r, s, c]
                        argmax[n, i, j, c] = u * kw + v
                    first = False
                else:
                    for c in range(C):
                        if not (x[n, r, s, c] <= y[n, i, j, c]) and y[n, i, j, c] == y[n, i, j, c]:
                            y[n, i, j, c] = x[n, r, s, c]
                            argmax[n, i, j, c] = u * kw + v


def max_pool2d_gradient(dy, argmax, dx, kh, kw, sh, sw, ph, pw):
    """dx[n, place that won, c] += dy[n, i, j, c]; dx (N, H, W, C) is filled. Each image is one thread's: no two collide."""
    _max_pool2d_gradient(dy, argmax, dx, kh, kw, sh, sw, ph, pw, threads_for(MOVE * dx.size))


@parallel_kernel
def _max_pool2d_gradient(dy, argmax, dx, kh, kw, sh, sw, ph, pw, threads):
    share_out(max_pool_image_gradient, len(dy), threads, (dy, argmax, dx, kh, kw, sh, sw, ph, pw))


@inner_kernel
def max_pool_image_gradient(n, thread, dy, argmax, dx, kh, kw, sh, sw, ph, pw):
    """To each place of a window: dy where it won, else 0, all channels at a time."""
    (_, H, W, C), (_, out_h, out_w, _), zero = dx.shape, dy.shape, dy.dtype.type(0)
    dx[n] = 0
    for i in range(out_h):
        for j in range(out_w):
            for u in range(max(0, ph - i * sh), min(kh, H + ph - i * sh)):
                for v in range(max(0, pw - j * sw), min(kw, W + pw - j * sw)):
                    for c in range(C):
                        won = argmax[n, i, j, c] == u * kw + v
                        dx[n, i * sh + u - ph, j * sw + v - pw, c] += dy[n, i, j, c] if won else zero


def avg_pool2d(x, y, kh, kw, sh, sw, ph, pw):
    """y (N, H', W', C) = the sum of each window / (kh·kw)."""
    _avg_pool2d(x, y, kh, kw, sh, sw, ph, pw, threads_for(MOVE * y.size * kh * kw))


@parallel_kernel
def _avg_pool2d(x, y, kh, kw, sh, sw, ph, pw, threads):
    share_out(avg_pool_row, len(y) * y.shape[1], threads, (x, y, kh, kw, sh, sw, ph, pw))


@inner_kernel
def avg_pool_row(t, thread, x, y, kh, kw, sh, sw, ph, pw):
    _, H, W, C = x.shape
    _, out_h, out_w, _ = y.shape
    n, i = t // out_h, t % out_h
    for j in range(out_w):
        mean = y[n, i, j]
        mean[:] = 0
        for u in range(max(0, ph - i * sh), min(kh, H + ph - i * sh)):
            for v in range(max(0, pw - j * sw), min(kw, W + pw - j * sw)):
                pixel = x[n, i * sh + u - ph, j * sw + v - pw]
                for c in range(C):
                    mean[c] += pixel[c]
        for c in range(C):
            mean[c] /= kh * kw


def avg_pool2d_gradient(dy, dx, kh, kw, sh, sw, ph, pw):
    """dx[n, every place of the window, c] += dy[n, i, j, c] / (kh·kw); dx (N, H, W, C) is filled."""
    _avg_pool2d_gradient(dy, dx, kh, kw, sh, sw, ph, pw, threads_for(MOVE * dy.size * kh * kw))


@parallel_kernel
def _avg_pool2d_gradient(dy, dx, kh, kw, sh, sw, ph, pw, threads):
    share_out(avg_pool_image_gradient, len(dy), threads, (dy, dx, kh, kw, sh, sw, ph, pw))


@inner_kernel
def avg_pool_image_gradient(n, thread, dy, dx, kh, kw, sh, sw, ph, pw):
    _, H, W, C = dx.shape
    _, out_h, out_w, _ = dy.shape
    dx[n] = 0
    for i in range(out_h):
        for j in range(out_w):
            for u in range(max(0, ph - i * sh), min(kh, H + ph - i * sh)):
                for v in range(max(0, pw - j * sw), min(kw, W + pw - j * sw)):
                    for c in range(C):
                        dx[n, i * sh + u - ph, j * sw + v - pw, c] += dy[n, i, j, c] / (kh * kw)
