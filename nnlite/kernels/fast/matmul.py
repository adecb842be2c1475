"""The matrix product c = a b on the register tile: 4 times as fast as the loops, at 64×784 times 784×300.

A block of sums stays in registers while k runs, so that each number of a and b that is read serves several sums. The loops read
and write a sum for each product. Letters: a (M, K), b (K, N), c (M, N).
"""

from typing import NamedTuple

import numpy as np

from nnlite.kernels.machine.cache import njit
from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.memory import LINE, address, empty_rows
from nnlite.kernels.machine.sharing import share_out
from nnlite.kernels.machine.threads import parallel_kernel, threads_for
from nnlite.kernels.simd.narrow import laid_out_size, narrow_columns, narrow_product
from nnlite.kernels.simd.narrow_layout import lay_out_columns, lay_out_narrow
from nnlite.kernels.simd.strip import NONE, ONE, TILE_BYTES, product
from nnlite.kernels.simd.vector import at_least, item_bytes, lanes, load, store, transpose_block

PACKING_PAYS = 16


class Factors(NamedTuple):
    """The factors of c = a b, a (M, K) and b (K, N): their addresses, and the bytes from one row, and from one k, to the next.

    With addresses and strides, one compiled version serves a and aᵀ, b and bᵀ.
    """

    a: int
    a_row: int
    a_step: int
    b: int
    b_row: int
    b_step: int
    K: int


class Panels(NamedTuple):
    """How c is divided into tasks: `columns` panels as wide as a tile, times parts of up to `rows` rows.

    rest: how many of the last columns `narrow` computes. packed: whether a task copies its panel of b together first.
    copy_bytes: the room for such a copy.
    """

    columns: int
    rows: int
    rest: int
    packed: bool
    copy_bytes: int


def matmul(a, b, bias=None, relu=False):
    """c = a b + bias, then ReLU: a (M, K), b (K, N) of one float dtype, any strides, bias (N,) -> c (M, N), C-contiguous.

    A row of c does not depend on the other rows. If the rows of a are contiguous, the terms of the last columns' sums may be
    added in another order.
    """
    (M, K), (_, N) = a.shape, b.shape
    c = empty_rows(M, N, b.dtype)
    if M and N:
        if b.itemsize not in b.strides:
            b = np.ascontiguousarray(b)
        (a_row, a_step), (b_row, b_step), size = a.strides, b.strides, b.itemsize
        packed = b_step != size or (M >= PACKING_PAYS and N > TILE_BYTES // size)
        low = 0.0 if relu else -np.inf
        finished = bias is not None or relu
        if finished:
            bias = np.zeros(N, b.dtype) if bias is None else np.ascontiguousarray(bias)
        _matmul((address(a), a_row, a_step, address(b), b_row, b_step, K), c, address(bias) if finished else 0, low, packed,
                threads_for(M * N * K))
    return c


@parallel_kernel
def _matmul(factors, c, bias, low, packed, threads):
    """c = a b + bias, then ReLU. factors: as in `Factors`; bias: an address, or 0.

    A task is a panel of c, as wide as a tile, or a part of its rows. All its rows need the same panel of b, so the panel is
    copied to one place first: the rows of b lie far apart, each in its own page of memory. If the rows of a are contiguous,
    `narrow` computes the last `rest` columns.
    """
    f, (M, N), size = Factors(*factors), c.shape, c.itemsize
    columns = (N * size + TILE_BYTES - 1) // TILE_BYTES
    rest = narrow_columns(f.K, N, size) if f.a_step == size else 0
    rows = rows_of_a_task(M, 2**20 // max(1, f.K * size), columns, threads)  # so many fit into the second-level cache with b
    copy_bytes = (f.K + LINE) * TILE_BYTES if packed or rest else 0
    copies = np.empty(threads * copy_bytes + LINE, np.uint8)
    share_out(panel_of_product, columns * ((M + rows - 1) // rows), threads,
              (f, c, bias, low, Panels(columns, rows, rest, packed, copy_bytes), copies))


@inner_kernel
def panel_of_product(t, thread, factors, c, bias, low, panels, copies):
    a, a_row, a_step, b, b_row, b_step, K = factors
    columns, rows, rest, packed, copy_bytes = panels
    (M, N), size, like = c.shape, c.itemsize, c.dtype
    width = TILE_BYTES // size
    n, m = t % columns * width, t // columns * rows
    left, height = min(width, N - n), min(rows, M - m)
    wide = min(left, N - rest - n)
    a_m, c_at = a + m * a_row, c.ctypes.data + (m * N + n) * size
    copy = (np.intp(copies.ctypes.data) + LINE - 1) // LINE * LINE + thread * copy_bytes
    if wide > 0:
        panel, panel_row = b + n * b_step, b_row
        if packed:
            panel, panel_row = copy, TILE_BYTES
            if b_step == size:
                copy_rows(like, b + n * size, b_row, panel, panel_row, K, wide)
            else:
                copy_columns(like, b + n * b_step, b_step, panel, panel_row, K, wide)
        product(like, a_m, a_row, a_step, K, panel, panel_row, c_at, N * size, height, wide)
    if wide < left:
        lay_out_columns(like, b + (N - rest) * b_step, NONE, b_row, b_step, ONE, K, rest, copy)
        narrow_product(like, a_m, a_row, K, copy, c_at + wide * size, N * size, height, rest)
    if bias:
        finish_rows(like, c_at, N * size, bias + n * size, low, height, left)


@njit(cache=True)
def rows_of_a_task(M, most, columns, threads):
    """How many of M rows a task takes: all, but no more than `most`, nor so many that a thread has nothing to do.

    Of many rows each thread gets one piece: the optimizer's threads then find the gradient of their rows in their own caches.
    """
    tasks = 1 if threads == 1 else 4 * threads
    rows = min(M, max(32, most))
    if columns < tasks:
        rows = min(rows, (M * columns + tasks - 1) // tasks)
    if threads > 1 and M >= 64 * threads:
        rows = min(rows, (M + threads - 1) // threads)
    return (rows + 31) // 32 * 32


@inner_kernel
def copy_rows(like, source, source_row, target, target_row, K, N):
    """target[k, n] = source[k, n]:  addresses and strides in bytes, N contiguous in both."""
    for k in range(K):
        for n in range(0, N, lanes(like)):
            at = n * item_bytes(like)
            store(target + k * target_row + at, load(like, source + k * source_row + at, N - n), N - n)


@inner_kernel
def copy_columns(like, source, source_step, target, target_row, K, N):
    """target[k, n] = source[k, n], where the columns of the source are contiguous, source_step bytes apart."""
    size = item_bytes(like)
    for k in range(0, K, lanes(like)):
        for n in range(0, N, lanes(like)):
            transpose_block(like, source + n * source_step + k * size, source_step, N - n, K - k,
                            target + k * target_row + n * size, target_row)


@inner_kernel
def finish_rows(like, c, c_row, bias, low, M, N):
    """c[m, n] = max(c[m, n] + bias[n], low)"""
    for m in range(M):
        for n in range(0, N, lanes(like)):
            at = c + m * c_row + n * item_bytes(like)
            z = load(like, at, N - n) + load(like, bias + n * item_bytes(like), N - n)
            store(at, at_least(z, low), N - n)


def pack(w):
    """w (K, N) floats -> (numbers, rest): panels (⌈(N − rest)/width⌉, K, width) of all but the last `rest` columns, each as
    wide as a tile, with zeros past the last of them; behind these the `rest` columns (`narrow_layout`).
    """
    (K, N), width = w.shape, TILE_BYTES // w.itemsize
    rest = narrow_columns(K, N, w.itemsize)
    panels = np.zeros((-(-(N - rest) // width), K, width), w.dtype)
    for n, panel in zip(range(0, N - rest, width), panels, strict=True):
        panel[:, : min(width, N - rest - n)] = w[:, n : min(n + width, N - rest)]
    columns = np.empty(laid_out_size(K, rest, width // 2), w.dtype)
    lay_out_narrow(w[None], N - rest, columns, 0)
    return np.concatenate([panels.ravel(), columns]), rest
