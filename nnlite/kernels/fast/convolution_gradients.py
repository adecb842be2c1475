"""The gradients of a convolution, bias, ReLU and pooling on the register tile, in one pass: 11 times as fast as the loops.

dw and dx are matrix products whose matrices are the images themselves, read with strides. Their sums stay in registers; the
loops read and write a sum for each product. Letters and forward formula are those of `convolution`. From the gradient dy of the
result, going back through pooling and ReLU gives dz, the gradient of the convolution itself:

    dz[n, place of the maximum] = dy[n, i, j, o] where y[n, i, j, o] > 0, else 0
    db[o] = Σ_n Σ_i Σ_j dz[n, i, j, o]
    dw[g, u, v, α, β] = Σ_n Σ_i Σ_j x[n, i·s + u·d, j·s + v·d, g·c + α] · dz[n, i, j, g·o + β]
    dx = the convolution of dz, spread out to the stride and bordered by d(k − 1) zeros, with the kernel turned by 180° and its
         channels exchanged: every pixel of dz was computed from a patch of x, so every pixel of x collects a patch of dz.
         If most of these products would be with zeros, `scattering` computes dx instead

The images are divided into parts of a few images, so that dz of a part is still in the cache when it is used. Each part has
sums of its own for dw and db, which are added up at the end. The number of parts depends on the shapes alone, so the bits do
not depend on the number of threads.
"""

from typing import NamedTuple

import numba
import numpy as np

from nnlite.kernels.fast.convolution import (
    Geometry,
    LaidOut,
    Sums,
    geometry,
    in_bytes,
    lay_out,
    narrow_channels,
    no_places,
    runs,
    sum_rows,
)
from nnlite.kernels.fast.matmul import copy_rows
from nnlite.kernels.fast.scattering import lay_out_for_scattering, scatter_image, scatters
from nnlite.kernels.loops.convolution import output_size
from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.memory import aligned, empty
from nnlite.kernels.machine.sharing import share_out
from nnlite.kernels.machine.threads import parallel_kernel, threads_for
from nnlite.kernels.simd.depthwise import depthwise_strip, is_depthwise
from nnlite.kernels.simd.sliding import slides
from nnlite.kernels.simd.strip import ONE, strip
from nnlite.kernels.simd.tile import Terms
from nnlite.kernels.simd.vector import equal, lanes, load, load_bytes, positive, store, where

IMAGES_IN_A_PART = 4


class Result(NamedTuple):
    """The gradient dy of the result, and what gives dz: y if a ReLU is fused, argmax (empty without pooling)."""

    dy: np.ndarray
    y: np.ndarray
    relu: bool
    argmax: np.ndarray


class Spread(NamedTuple):
    """Room for dz, (threads, images of a part, h, w, O). Its pixels are sh and sw apart, from (top, left) on; the rest is 0."""

    dz: np.ndarray
    top: int
    left: int
    sh: int
    sw: int


class Parts(NamedTuple):
    """The sums of each part: dw (parts, G, P, Q, L, o), or depthwise (parts, 1, P, Q, 1, G), and db (parts, O)."""

    dw: np.ndarray
    db: np.ndarray


class Back(NamedTuple):
    """What dx is computed with: the weights w, and where dx begins in the padded image. dx is empty if it is not wanted.

    scattered: whether `scattering` computes dx, with room for each thread in runs and patches; else the convolution g does.
    """

    w: LaidOut
    g: Geometry
    scattered: bool
    runs: np.ndarray
    patches: np.ndarray
    dx: np.ndarray
    top: int
    left: int


def conv2d_gradients(x, w, dy, dx, dw, db, walk, y=None, argmax=None):
    """Fill dw (w's shape), db (O,), and dx (N, H − 2·top, W − 2·left, C) unless it is None.

    x (N, H, W, C) padded by walk.padding = (top, left), w (G, kh, kw, c, o), dy (N, H', W', O), all of one float dtype and
    C-contiguous. y: the result, where a ReLU is fused; argmax: where pooling is. Without them dz = dy.
    """
    dw[...], db[...] = 0, 0
    if not dy.size:
        if dx is not None:
            dx[...] = 0
        return
    N, (G, *_), C, O = len(x), w.shape, x.shape[3], dy.shape[3]
    parts = max(1, min(dy.size // max(1, dw.size), -(-N // IMAGES_IN_A_PART)))
    P, Q, L = runs(w.shape, walk.dilation)
    result = dy, dy if y is None else y, y is not None, no_places() if argmax is None else argmax
    spread, back = ways(x, w, dx, walk, -(-N // parts))
    laid_out = dw.swapaxes(0, 4) if is_depthwise(G, C, O) else dw  # as `lay_out` has the weights
    dw_parts, db_parts = empty((parts, len(laid_out), P, Q, L, laid_out.shape[4]), dy.dtype), np.zeros((parts, O), dy.dtype)
    _conv2d_gradients(x, tuple(geometry(w.shape, walk.stride, walk.dilation)), result, spread, (dw_parts, db_parts), back,
                      threads_for(dy.size * (1 if argmax is None else 4) * P * Q * L))
    np.add.reduce(dw_parts.reshape(parts, *laid_out.shape), axis=0, out=laid_out)
    np.add.reduce(db_parts, axis=0, out=db)


def ways(x, w, dx, walk, images):
    """(`Spread` for so many images of x, `Back`) as plain tuples. Only collecting needs dz with a border and spread out."""
    (_, H, W, C), (G, kh, kw, _, o), ((sh, sw), (dh, dw), padding) = x.shape, w.shape, walk
    dz_h, dz_w = output_size(H, kh, sh, dh), output_size(W, kw, sw, dw)
    scattered = dx is not None and scatters(G, runs(w.shape, (dh, dw))[1], dz_h * dz_w, dx.shape[1] * dx.shape[2])
    place, g = (0, 0, 1, 1), geometry(w.shape, (1, 1), (dh, dw))
    run, patches = (0, 0), (0, 0, 0)
    if dx is None:
        dx, turned = np.empty((0, 0, 0, C), w.dtype), LaidOut(np.empty(0, w.dtype), 0, 0, 0)
    elif scattered:
        turned = lay_out_for_scattering(w)
        run, patches = (dz_w, turned.row), (H, W, C)
    else:
        turned = aligned(w[:, ::-1, ::-1].transpose(0, 1, 2, 4, 3))
        rest = narrow_channels(turned.shape, (dh, dw), w.dtype)
        g = geometry(turned.shape, (1, 1), (dh, dw), 1, slides(turned.shape, (1, 1), (dh, dw), w.dtype, rest), rest)
        turned = lay_out(turned, rest)
        place = dh * (kh - 1), dw * (kw - 1), sh, sw
        dz_h, dz_w = H + place[0], W + place[1]
    dz = per_thread((images, dz_h, dz_w, G * o), w.dtype)
    dz[...] = 0
    rooms = per_thread(run, w.dtype), per_thread(patches, w.dtype)
    return (dz, *place), (tuple(turned), tuple(g), scattered, *rooms, dx, *padding)


def per_thread(shape, dtype):
    """Room of this shape for as many threads as there can ever be."""
    return empty((numba.config.NUMBA_NUM_THREADS, *shape), dtype)


@parallel_kernel
def _conv2d_gradients(x, g, result, spread, sums, back, threads):
    w, back_g = LaidOut(*back[0]), Geometry(*back[1])
    share_out(gradients_of_part, len(sums[1]), threads,
              (x, Geometry(*g), Result(*result), Spread(*spread), Parts(*sums), Back(w, back_g, *back[2:])))


@inner_kernel
def gradients_of_part(part, thread, x, g, result, spread, sums, back):
    """For the images of one part: add dw and db to the part's sums, and fill dx. Each thread has a dz of its own."""
    dy, y, relu, argmax = result
    N, parts, size, dz = len(x), len(sums.db), x.itemsize, spread.dz[thread]
    pool = 2 if argmax.size else 1
    (_, dy_h, dy_w, _), (_, dz_h, dz_w, O) = dy.shape, dz.shape
    image, row, pixel = dz_h * dz_w * O * size, spread.sh * dz_w * O * size, spread.sw * O * size
    inside = np.intp(dz.ctypes.data) + (spread.top * dz_w + spread.left) * O * size
    start, end = N * part // parts, N * (part + 1) // parts
    for n in range(start, end):
        at = n * dy_h * dy_w * O
        spread_gradient(dy[n], y.ctypes.data + at * size, relu, argmax.ctypes.data + at, pool,
                        inside + (n - start) * image, row, pixel, sums.db[part])
    weight_gradient(x[start:end], g, inside, image, row, pixel, pool * dy_h, pool * dy_w, sums.dw[part])
    for n in range(start, end if back.dx.size else start):
        if back.scattered:
            scatter_image(dz[n - start], back.w, g, back.runs[thread], back.patches[thread])
            leave(back.patches[thread], back.top, back.left, back.dx[n])
        else:
            collect_image(dz[n - start], back, back.dx[n])


@inner_kernel
def leave(patches, top, left, dx):
    """dx (H, W, C): the inside of the padded image `patches`."""
    (_, W, C), (H, dx_w, _), size = patches.shape, dx.shape, dx.itemsize
    copy_rows(dx.dtype, patches.ctypes.data + (top * W + left) * C * size, W * C * size, dx.ctypes.data, dx_w * C * size, H,
              dx_w * C)


@inner_kernel
def collect_image(dz, back, dx):
    """dx (H, W, C), row by row as sums over patches of dz, which has a border and is spread out."""
    (_, dz_w, O), (H, W, C), size, w = dz.shape, dx.shape, dx.itemsize, in_bytes(back.w)
    row, pixel = dz_w * O * size, C * size
    start = np.intp(dz.ctypes.data) + (back.top * dz_w + back.left) * O * size
    for i in range(H):
        sums = Sums(np.intp(dx.ctypes.data) + i * W * pixel, pixel, ONE, W)
        sum_rows(dx.dtype, sums, C, start + i * row, row, w, back.g)


@inner_kernel
def spread_gradient(dy, y, relu, argmax, pool, dz, row, pixel, db):
    """dz of one image, from address dz on, row and pixel bytes apart; db += its sum.  dy (H', W', O); y, argmax addresses"""
    out_h, out_w, O = dy.shape
    like, size, dy_data, db_data = db.dtype, dy.itemsize, dy.ctypes.data, db.ctypes.data
    for i in range(out_h):
        for j in range(out_w):
            for o in range(0, O, lanes(like)):
                left, at = O - o, (i * out_w + j) * O + o
                d = load(like, dy_data + at * size, left)
                if relu:
                    d = where(positive(load(like, y + at * size, left)), d, 0)
                store(db_data + o * size, load(like, db_data + o * size, left) + d, left)
                if pool == 1:
                    store(dz + i * row + j * pixel + o * size, d, left)
                else:
                    place = load_bytes(like, argmax + at, left)
                    for k in range(4):
                        here = where(equal(place, k), d, 0)
                        store(dz + (2 * i + k // 2) * row + (2 * j + k % 2) * pixel + o * size, here, left)


@inner_kernel
def weight_gradient(x, g, dz, dz_image, dz_row, dz_pixel, out_h, out_w, dw):
    """dw (G, P, Q, L, o), or depthwise (1, P, Q, 1, G), of the images x (n, H, W, C); dz in bytes: address and strides.

    For one (p, q) this is xᵀ dz over all pixels: the tile's rows are the numbers of a run, its sum runs over n, i, j.
    Depthwise, the rows are the Q columns of the kernel.
    """
    images, H, W, C = x.shape
    G, P, Q, L, o = dw.shape
    size, like, row = x.itemsize, dw.dtype, W * C * x.itemsize
    terms = Terms(images, out_h, out_w, H * row, g.sh * row, g.sw * C * size, dz_image, dz_row, dz_pixel)
    if is_depthwise(g.G, C, G * o):
        for p in range(P):
            depthwise_strip(like, size, terms, x.ctypes.data + p * g.dh * row, g.dw * C * size, dz,
                            dw.ctypes.data + p * Q * C * size, C * size, Q, C)
        return
    for k in range(G * P * Q):
        group, p, q = k // (P * Q), k // Q % P, k % Q
        x_at = x.ctypes.data + p * g.dh * row + (q * g.dw * C + group * (C // G)) * size
        strip(like, terms, x_at, size, dz + group * o * size, dw.ctypes.data + k * L * o * size, o * size, L, o)
