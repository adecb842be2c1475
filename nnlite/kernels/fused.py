"""Convolution with what follows it in one pass: bias, ReLU and 2×2 max-pooling, while the sums are still in the cache.

    y[n, i, j, o] = max(b[o] + max over u, v < pool of Σ x·w [n, i·pool + u, j·pool + v, o], low)

low is 0 where a ReLU is fused, else −∞. Taking the maximum first changes nothing: adding b keeps the order of numbers.

Images come and go with a border, so that nobody has to pad them: x is the address of the first pixel that the first patch
reads, x_image and x_row the bytes from one image and one row to the next; y is filled inside its border. One task is one row
of y: the sums of `pool` rows go to this thread's part of `sums`, and from there, finished, to y.
"""

from typing import NamedTuple

import numba
import numpy as np
from numba import njit, prange

from nnlite.kernels.convolution import runs
from nnlite.kernels.strip import strip


class Geometry(NamedTuple):
    """A convolution in numbers: C channels, G groups, stride s, dilation d; P·Q runs of K steps (`convolution.runs`)."""

    C: int
    G: int
    sh: int
    sw: int
    dh: int
    dw: int
    P: int
    Q: int
    K: int


def geometry(w_shape, stride, dilation, step=1):
    """w_shape (G, kh, kw, c, o); one step of the tile takes `step` numbers of a run: 1, or 4 for int8."""
    P, Q, L = runs(w_shape, dilation)
    return Geometry(w_shape[0] * w_shape[3], w_shape[0], *stride, *dilation, P, Q, -(-L // step))


def sums_buffer(pool, out_w, O, dtype):
    """Room for the sums of one row of y, (threads, pool, W, O), for as many threads as there can ever be."""
    return np.empty((numba.config.NUMBA_NUM_THREADS, pool, out_w, O), dtype)


@njit(cache=True)
def sum_rows(part, x, x_row, element, step, w, w_group, g):
    """part[u, j, o] = Σ x·w at row u and pixel j, o; x the address of the first row's first patch, w_group bytes of a group."""
    pool, out_w, O = part.shape
    like, size, part_data, o = part.reshape(-1), part.itemsize, part.ctypes.data, O // g.G
    for u in range(pool):
        for k in range(g.G):
            strip(like, x + u * g.sh * x_row + k * (g.C // g.G) * element, g.sw * g.C * element, g.dh * x_row, g.P,
                  g.dw * g.C * element, g.Q, step, g.K, w + k * w_group, o * size,
                  part_data + (u * out_w * O + k * o) * size, O * size, out_w, o)


@njit(cache=True)
def larger(a, b):
    """max(a, b), a NaN if one is."""
    return a if a >= b or a != a else b


@njit(cache=True)
def keep_largest(part, j):
    """part[0, j, o] = the maximum of the 2×2 block (2j, 2j + 1) of both rows: the row is overwritten from the left."""
    for o in range(part.shape[2]):
        above, below = larger(part[0, 2 * j, o], part[0, 2 * j + 1, o]), larger(part[1, 2 * j, o], part[1, 2 * j + 1, o])
        part[0, j, o] = larger(above, below)


@njit(cache=True, parallel=True)
def conv2d_fused(x, x_image, x_row, w, g, b, low, sums, y, top, left, N, out_h, out_w):
    """The formula of this file in float32: w (G, K, o), y (≥ N, H + 2·top, W + 2·left, O); out_h × out_w is y's inside."""
    pool = sums.shape[1]
    for t in prange(N * out_h):
        n, i = t // out_h, t % out_h
        part = sums[numba.get_thread_id()]
        sum_rows(part, x + n * x_image + i * pool * g.sh * x_row, x_row, 4, 4, w.ctypes.data, 4 * w.shape[1] * w.shape[2], g)
        for j in range(out_w):
            if pool == 2:
                keep_largest(part, j)
            for o in range(part.shape[2]):
                z = part[0, j, o] + b[o]
                y[n, top + i, left + j, o] = low if z < low else z
