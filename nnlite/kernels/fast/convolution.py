"""The convolution on the register tile, with ReLU and pooling in the same pass: 7 times as fast as the loops.

The loops read and write a sum for each of its products. Here the sums stay in registers until they are complete. Letters:
N images, C/O channels in/out, G groups, c = C/G, o = O/G, H W the *padded* image, H' W' the result, kh kw the kernel, s
stride, d dilation, b bias, pool 1 or 2.

    z[n, i, j, g·o + β] = Σ_u Σ_v Σ_α  x[n, i·s + u·d, j·s + v·d, g·c + α] · w[g, u, v, α, β]
    y[n, i, j, o] = max(b[o] + max over u, v < pool of z[n, i·pool + u, j·pool + v, o], low)

One kernel row of a patch, kw·C numbers, is one contiguous run of the image. The patch of the pixel to the right is the same
run s·C numbers further on. So a row of z is a matrix product whose "matrix" is the image itself, read with strides. Three cases
have tiles of their own: each channel is a group (`depthwise`), the channels of z fill half a register or less (`narrow`), or
one register or less (`sliding`). Bias, ReLU (low = 0, else −∞) and 2×2 max-pooling follow while the row is still in the cache.
"""

from typing import NamedTuple

import numba
import numpy as np

from nnlite.kernels.loops.convolution import output_size
from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.memory import aligned, empty
from nnlite.kernels.machine.sharing import share_out
from nnlite.kernels.machine.threads import parallel_kernel, threads_for
from nnlite.kernels.simd.depthwise import depthwise_strip, is_depthwise
from nnlite.kernels.simd.level import LEVEL
from nnlite.kernels.simd.narrow import laid_out_size, narrow_strip, narrow_width
from nnlite.kernels.simd.narrow_layout import lay_out_narrow
from nnlite.kernels.simd.sliding import slides, sliding_strip
from nnlite.kernels.simd.strip import strip
from nnlite.kernels.simd.tile import Terms
from nnlite.kernels.simd.vector import (
    at_least,
    beats,
    factor_bytes,
    item_bytes,
    lanes,
    larger,
    load,
    spread_int,
    store,
    store_bytes,
    where,
)

SHORTEST_RUN = 16  # numbers of a run; for shorter ones a narrow tile's layout takes longer than the tile saves


def runs(w_shape, dilation):
    """(P, Q, L): the kernel as P·Q runs of L neighbouring numbers of the image; whole kernel rows if these have no gaps."""
    G, kh, kw, c, _ = w_shape
    if G == 1 and dilation[1] == 1:
        return kh, 1, kw * c
    return kh, kw, c


class LaidOut(NamedTuple):
    """Weights as kernels read them: one array of numbers, `group` and `row` of them from one group and one step to the next.

    channels: how many sums a pixel has. Lanes are channels: without groups, zeros fill the registers up.
    """

    numbers: np.ndarray
    group: int
    row: int
    channels: int


def lay_out(w, rest=0):
    """w (G, kh, kw, c, o) -> LaidOut: (G, kh·kw·c, o), or depthwise (1, kh·kw, G); the `rest` narrow channels come last."""
    (G, kh, kw, c, o), lanes, K = w.shape, LEVEL.vector_bytes // w.itemsize, w[0, ..., 0].size
    if is_depthwise(G, G * c, G * o):
        return LaidOut(aligned(w.reshape(G, K).T).reshape(-1), K * G, G, G)
    if rest == 0:
        filled = with_whole_registers(w, lanes) if G == 1 else w
        return LaidOut(filled.reshape(-1), K * filled.shape[4], filled.shape[4], G * filled.shape[4])
    wide = o - rest
    numbers = empty((K * wide + kh * laid_out_size(kw * c, rest, lanes),), w.dtype)
    if wide:
        numbers[: K * wide].reshape(K, wide)[...] = w.reshape(K, o)[:, :wide]
    lay_out_narrow(w.reshape(kh, kw * c, o), wide, numbers, K * wide)
    return LaidOut(numbers, K * wide, wide, wide + (narrow_width(rest, lanes) if 2 * o <= lanes else lanes))


def with_whole_registers(w, lanes):
    """w (…, o) with zeros after o, up to a multiple of `lanes`: each row then begins at the start of a cache line."""
    o = w.shape[-1]
    if o % lanes == 0:
        return w
    filled = empty((*w.shape[:-1], -(-o // lanes) * lanes), w.dtype)
    filled[..., :o], filled[..., o:] = w, 0
    return filled


def narrow_channels(w_shape, dilation, dtype):
    """How many of the last channels of w (G, kh, kw, c, o) `narrow` computes: o mod lanes if that leaves a large part of a
    register idle and the kernel's runs are long, else 0.
    """
    (G, _, kw, c, o), lanes = w_shape, LEVEL.vector_bytes // dtype.itemsize
    rest, long_runs = o % lanes, G == dilation[1] == 1 and kw * c >= SHORTEST_RUN
    few = 2 * rest <= lanes or o > lanes and 8 * rest <= 5 * lanes  # `sliding` is faster if a little more than half are used
    return rest if lanes >= 4 and long_runs and few else 0


class Geometry(NamedTuple):
    """A convolution in numbers: C channels, G groups, stride s, dilation d; P·Q runs of K steps (`runs`).

    slide: whether `sliding` computes it, 1 or 0. rest: `narrow_channels`.
    """

    C: int
    G: int
    sh: int
    sw: int
    dh: int
    dw: int
    P: int
    Q: int
    K: int
    slide: int
    rest: int


def geometry(w_shape, stride, dilation, per_lane=1, slide=False, rest=0):
    """The Geometry of w_shape (G, kh, kw, c, o).   per_lane: how many numbers of a run a lane multiplies at once, 4 in int8."""
    P, Q, L = runs(w_shape, dilation)
    return Geometry(w_shape[0] * w_shape[3], w_shape[0], *stride, *dilation, P, Q, -(-L // per_lane), int(slide), rest)


class Weights(NamedTuple):
    """Where `LaidOut` weights are: the address of the first, and by how many bytes a group and a step move on."""

    at: int
    group: int
    row: int


class Sums(NamedTuple):
    """Where the sums of one row of y are: `pool` rows of `width` pixels, from address `at` on, `pixel` bytes apart."""

    at: int
    pixel: int
    pool: int
    width: int


class Finish(NamedTuple):
    """What follows the sums: bias b (O,), low = 0 for a ReLU, else −∞, and argmax, which is empty without pooling."""

    b: np.ndarray
    low: float
    argmax: np.ndarray


def sums_buffer(pool, out_w, channels, dtype):
    """Room for the sums of one row of y, (threads, pool, W, channels), for as many threads as there can ever be."""
    return empty((numba.config.NUMBA_NUM_THREADS, pool, out_w, channels), dtype)


def conv2d(x, w, y, walk, b=None, relu=False, argmax=None):
    """y = conv(x, w) + b, then ReLU, then 2×2 max-pooling where argmax is given.

    x (N, H, W, C) padded, w (G, kh, kw, c, o), b (O,) or None, of one float dtype and C-contiguous. y (N, H', W', O) is
    filled, and argmax of y's shape, uint8, with the place 2u + v of the first maximum of each block (a NaN wins).
    """
    if y.size:
        O, pool, (stride, dilation, _) = y.shape[3], 1 if argmax is None else 2, walk
        rest = narrow_channels(w.shape, dilation, y.dtype)
        g = geometry(w.shape, stride, dilation, 1, slides(w.shape, stride, dilation, y.dtype, rest), rest)
        sums_w = output_size(x.shape[2], w.shape[2], stride[1], dilation[1])
        w = lay_out(w, rest)
        finish = np.zeros(O, y.dtype) if b is None else b, 0.0 if relu else -np.inf, no_places() if argmax is None else argmax
        _conv2d(x, tuple(w), tuple(g), finish, sums_buffer(pool, sums_w, w.channels, y.dtype), y,
                threads_for(pool * pool * y.size * g.P * g.Q * g.K))


def no_places():
    """An empty array, which means that the places of the maxima are not wanted."""
    return np.empty((0, 0, 0, 0), np.uint8)


@inner_kernel
def in_bytes(w):
    """`LaidOut` weights as `Weights`."""
    size = w.numbers.itemsize
    return Weights(np.intp(w.numbers.ctypes.data), w.group * size, w.row * size)


@inner_kernel
def sum_rows(like, sums, O, x, x_row, w, g):
    """The sums Σ x·w of `Sums`, for the channels o < O. All addresses and strides are bytes.

    x: the address of the first row's first patch, x_row: from one row of the image to the next; w: `Weights`, g: `Geometry`.
    """
    size, element, o = item_bytes(like), factor_bytes(like), O // g.G - g.rest
    terms = Terms(g.P, g.Q, g.K, g.dh * x_row, g.dw * g.C * element, size, g.Q * g.K * w.row, g.K * w.row, w.row)
    x_pixel = g.sw * g.C * element
    for u in range(sums.pool):
        x_u, sums_u = x + u * g.sh * x_row, sums.at + u * sums.width * sums.pixel
        if is_depthwise(g.G, g.C, O):
            depthwise_strip(like, element, terms, x_u, x_pixel, w.at, sums_u, sums.pixel, sums.width, O)
        elif g.slide:
            sliding_strip(like, terms, x_u, x_pixel, w.at, sums_u, sums.pixel, sums.width, o)
        else:
            for k in range(g.G):
                strip(like, terms, x_u + k * (g.C // g.G) * element, x_pixel, w.at + k * w.group, sums_u + k * o * size,
                      sums.pixel, sums.width, o)
        if g.rest:
            narrow_strip(like, terms, x_u, x_pixel, w.at + w.group, sums_u + o * size, sums.pixel, sums.width, g.rest)


@inner_kernel
def block_maximum(like, z, sums, left):
    """The maximum of the pool × pool pixels of `Sums` from address z on, lane by lane; pool is 1 or 2."""
    best = load(like, z, left)
    if sums.pool == 2:
        below = z + sums.width * sums.pixel
        right, diagonal = load(like, z + sums.pixel, left), load(like, below + sums.pixel, left)
        best = larger(larger(diagonal, load(like, below, left)), larger(right, best))
    return best


@inner_kernel
def finish_row(like, sums, O, b, low, y, out_w):
    """y[j, o] = max(b[o] + maximum of block j of the sums, low):  b, y addresses, y (out_w, O)."""
    size = item_bytes(like)
    for o in range(0, O, lanes(like)):
        left, at = O - o, o * size
        bias = load(like, b + at, left)
        for j in range(out_w):
            z = block_maximum(like, sums.at + j * sums.pool * sums.pixel + at, sums, left)
            store(y + j * O * size + at, at_least(z + bias, low), left)


@inner_kernel
def finish_row_with_places(like, sums, O, b, low, y, argmax, out_w):
    """finish_row for training: the places of the maxima (of sums with their bias) go to the address argmax, (out_w, O)."""
    size = item_bytes(like)
    for o in range(0, O, lanes(like)):
        left = O - o
        bias = load(like, b + o * size, left)
        for j in range(out_w):
            z = sums.at + 2 * j * sums.pixel + o * size
            best, place = load(like, z, left) + bias, spread_int(like, 0)
            for k in range(1, 4):
                other = load(like, z + (k // 2 * sums.width + k % 2) * sums.pixel, left) + bias
                better = beats(other, best)
                best, place = where(better, other, best), where(better, spread_int(like, k), place)
            store(y + (j * O + o) * size, at_least(best, low), left)
            store_bytes(argmax + j * O + o, place, left)


@parallel_kernel
def _conv2d(x, w, g, finish, buffer, y, threads):
    share_out(convolution_row, len(y) * y.shape[1], threads, (x, LaidOut(*w), Geometry(*g), Finish(*finish), buffer, y))


@inner_kernel
def convolution_row(t, thread, x, w, g, finish, buffer, y):
    """One row of y: the sums of `pool` rows go to this thread's part of `buffer`, and from there, finished, to y."""
    (_, H, W, C), (_, out_h, out_w, O), (_, pool, sums_w, channels) = x.shape, y.shape, buffer.shape
    n, i, like, size = t // out_h, t % out_h, y.dtype, y.itemsize
    b, low, argmax = finish
    x_row, pixel = W * C * size, channels * size
    sums = Sums(np.intp(buffer.ctypes.data) + thread * pool * sums_w * pixel, pixel, pool, sums_w)
    x_data = np.intp(x.ctypes.data) + (n * H + i * pool * g.sh) * x_row
    sum_rows(like, sums, O if g.rest else channels, x_data, x_row, in_bytes(w), g)
    b_data, y_at = np.intp(b.ctypes.data), np.intp(y.ctypes.data) + t * out_w * O * size
    if argmax.size:
        finish_row_with_places(like, sums, O, b_data, low, y_at, argmax.ctypes.data + t * out_w * O, out_w)
    else:
        finish_row(like, sums, O, b_data, low, y_at, out_w)
