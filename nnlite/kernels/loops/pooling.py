"""Pooling over images in (N, H, W, C) memory: the maximum or the mean of each window, and the way back.

Letters: N images, H W their size, C channels, H' W' the result, kh kw the window, sh sw the stride, ph pw the padding. The
window (i, j) looks at the rows r = i·sh + u − ph for u < kh and at the columns t = j·sw + v − pw for v < kw.

A window may reach over the edge, by the padding and, at the right and below, further (PyTorch's ceil_mode). Places outside the
image count as −∞ for the maximum and as 0 for the sum of an average.

Source: Goodfellow, Bengio & Courville 2016, Deep Learning, §9.3; sizes: Dumoulin & Visin 2016 (arXiv 1603.07285), chapter 3.
"""

from typing import NamedTuple

import numpy as np

from nnlite.kernels.machine.cache import njit


class Window(NamedTuple):
    """Size, stride and padding, each vertical and horizontal."""

    kh: int
    kw: int
    sh: int
    sw: int
    ph: int
    pw: int

    @property
    def places(self):
        return self.kh * self.kw


def windows(x, window, outside):
    """Every window of x (N, H, W, C) with a border of `outside` -> view (N, H', W', C, kh, kw)."""
    kh, kw, sh, sw, ph, pw = window
    x = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)), constant_values=outside)
    return np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(1, 2))[:, ::sh, ::sw]


def max_pool2d_formula(x, window):
    """y[n, i, j, c] = max over u, v of x[n, i·sh + u − ph, j·sw + v − pw, c]."""
    return windows(x, window, -np.inf).max(axis=(-2, -1))


def avg_pool2d_formula(x, window):
    """y[n, i, j, c] = 1/(kh·kw) Σ_u Σ_v x[n, i·sh + u − ph, j·sw + v − pw, c], zeros outside the image counted."""
    return windows(x, window, 0).mean(axis=(-2, -1))


@njit(cache=True)
def inside(i, k, s, p, size):
    """The part of window i that lies in the image, along one axis: the first u < k with 0 ≤ i·s + u − p < size, and its end."""
    return max(0, p - i * s), min(k, size + p - i * s)


@njit(cache=True)
def counted(i, k, s, p, size, count_padding):
    """How many places of window i count along an axis: those in the padded image, or without count_padding in the image."""
    start = i * s - p
    end = min(start + k, size + p)
    if count_padding:
        return end - start
    return min(end, size) - max(start, 0)


@njit(cache=True)
def max_pool2d(x, y, argmax, window):
    """y (N, H', W', C) = the maximum, argmax uint8 = u·kw + v of the first place that holds it (a NaN wins).

    x (N, H, W, C) of any dtype. No window lies outside the image altogether; windows have up to 256 places.
    """
    kh, kw, sh, sw, ph, pw = window
    (_, H, W, _), (N, out_h, out_w, C) = x.shape, y.shape
    for n in range(N):
        for i in range(out_h):
            for j in range(out_w):
                (u0, u1), (v0, v1) = inside(i, kh, sh, ph, H), inside(j, kw, sw, pw, W)
                for c in range(C):
                    best, place = x[n, i * sh + u0 - ph, j * sw + v0 - pw, c], u0 * kw + v0
                    for u in range(u0, u1):
                        for v in range(v0, v1):
                            z = x[n, i * sh + u - ph, j * sw + v - pw, c]
                            if z > best or z != z and best == best:  # only a NaN differs from itself
                                best, place = z, u * kw + v
                    y[n, i, j, c], argmax[n, i, j, c] = best, place


@njit(cache=True)
def max_pool2d_gradient(dy, argmax, dx, window):
    """dx[n, the place that won, c] += dy[n, i, j, c], from zeros on:  dy, argmax (N, H', W', C); dx (N, H, W, C) is filled."""
    _, kw, sh, sw, ph, pw = window
    N, out_h, out_w, C = dy.shape
    dx[:] = 0
    for n in range(N):
        for i in range(out_h):
            for j in range(out_w):
                for c in range(C):
                    place = np.intp(argmax[n, i, j, c])
                    dx[n, i * sh + place // kw - ph, j * sw + place % kw - pw, c] += dy[n, i, j, c]


@njit(cache=True)
def avg_pool2d(x, y, window, count_padding=True):
    """y (N, H', W', C) = the sum of each window / the number of its places that count (`counted`); x (N, H, W, C).

    The sum is float64, so that the mean of a large window of float32 is right to the last bit or so.
    """
    kh, kw, sh, sw, ph, pw = window
    (_, H, W, _), (N, out_h, out_w, C) = x.shape, y.shape
    for n in range(N):
        for i in range(out_h):
            for j in range(out_w):
                (u0, u1), (v0, v1) = inside(i, kh, sh, ph, H), inside(j, kw, sw, pw, W)
                places = counted(i, kh, sh, ph, H, count_padding) * counted(j, kw, sw, pw, W, count_padding)
                for c in range(C):
                    total = 0.0
                    for u in range(u0, u1):
                        for v in range(v0, v1):
                            total += float(x[n, i * sh + u - ph, j * sw + v - pw, c])
                    y[n, i, j, c] = total / places


@njit(cache=True)
def avg_pool2d_gradient(dy, dx, window, count_padding=True):
    """dx[n, every place of the window, c] += dy[n, i, j, c] / the number of places that count; dx (N, H, W, C) is filled."""
    kh, kw, sh, sw, ph, pw = window
    (_, H, W, _), (N, out_h, out_w, C) = dx.shape, dy.shape
    dx[:] = 0
    for n in range(N):
        for i in range(out_h):
            for j in range(out_w):
                (u0, u1), (v0, v1) = inside(i, kh, sh, ph, H), inside(j, kw, sw, pw, W)
                places = counted(i, kh, sh, ph, H, count_padding) * counted(j, kw, sw, pw, W, count_padding)
                for u in range(u0, u1):
                    for v in range(v0, v1):
                        for c in range(C):
                            dx[n, i * sh + u - ph, j * sw + v - pw, c] += dy[n, i, j, c] / places
