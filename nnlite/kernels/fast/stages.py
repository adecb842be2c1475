"""Inference as a table: what a plan does, one row of numbers for each stage, and one compiled call that walks through it.

A small network takes some ten microseconds for one image. Calling a Python function for each layer would take longer than the
layers. The table has addresses of arrays; whoever holds the table has to hold these arrays, too.
"""

import numba
import numpy as np

from nnlite.kernels.fast.convolution import Geometry, Sums, Weights, finish_row, sum_rows
from nnlite.kernels.fast.matmul import finish_rows, rows_of_a_task
from nnlite.kernels.machine.cache import njit
from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.memory import empty
from nnlite.kernels.machine.sharing import share_out
from nnlite.kernels.machine.threads import parallel_kernel
from nnlite.kernels.simd.narrow import narrow_product
from nnlite.kernels.simd.strip import TILE_BYTES, product
from nnlite.kernels.simd.vector import item_bytes, lanes, transpose_block

CONVOLUTION, LINEAR, LOGITS, FLATTEN = range(4)

# Addresses and strides are bytes. x, y: of the first patch or row that is read, of the first pixel or row that is written.
# channels: sums stored for each pixel, O or more, because zeros fill w up to whole registers.
# pool, sums_w: the pooling after a convolution, and the width of a row before it. out_h, out_w, O: the result's size.
# C to rest are those of `Geometry`; for linear layers only K, and rest as in `matmul`. M0 to total: `nncompress`'s numbers for
# each channel. Z, low, high: zero point and range of the result; floats have low alone.
STAGE = np.dtype([(name, np.int64) for name in (
    "kind", "x", "x_image", "x_row", "y", "y_image", "y_row", "w", "w_group", "w_row", "b", "channels", "pool",
    "sums_w", "out_h", "out_w", "O", "C", "G", "sh", "sw", "dh", "dw", "P", "Q", "K", "slide", "rest", "M0", "left", "right",
    "M", "total", "Z", "high")]
    + [("low", np.float64)])


def table(rows):
    """[{field: number}] -> array of STAGE; what a row leaves out is 0."""
    stages = np.zeros(len(rows), STAGE)
    for stage, row in zip(stages, rows, strict=True):
        for field, number in row.items():
            stage[field] = number
    return stages


def thread_sums(rows, images, dtype):
    """Room for each thread's sums, (threads, numbers): enough for one task of every stage."""
    most = max((row["pool"] * row["sums_w"] if row["kind"] == CONVOLUTION else images) * row.get("channels", 0) for row in rows)
    return empty((numba.config.NUMBA_NUM_THREADS, -(-most // 16) * 16), dtype)


@njit(cache=True)
def tasks_of(stages, i, n, width, threads):
    """(how many tasks stage i has for n images, how many rows are a task)"""
    s = stages[i]
    if s.kind == CONVOLUTION:
        rows = max(1, n * s.out_h // (4 * threads))
        return (n * s.out_h + rows - 1) // rows, rows
    if s.kind == FLATTEN:
        return n, 1
    columns = (s.O + width - 1) // width
    rows = rows_of_a_task(n, n, columns, threads)
    return columns * ((n + rows - 1) // rows), rows


@parallel_kernel
def run_stages(stages, sums, n, threads):
    """All stages of the table in floats of sums' dtype, for n images: convolutions and matrix products, buffer to buffer."""
    for i in range(len(stages)):
        tasks, rows = tasks_of(stages, i, n, TILE_BYTES // sums.itemsize, threads)
        share_out(task_of_stage, tasks, threads, (stages, i, n, rows, sums))


@inner_kernel
def task_of_stage(t, thread, stages, i, n, rows, sums):
    if stages[i].kind == CONVOLUTION:
        convolution_task(stages, i, t, n, rows, sums[thread])
    elif stages[i].kind == FLATTEN:
        flatten_task(stages, i, t, sums.dtype)
    else:
        linear_task(stages, i, t, n, rows, sums.dtype)


@njit(inline="always")
def convolution_task(stages, i, t, n, rows, sums):
    """Rows t·rows to (t + 1)·rows of all the images' rows."""
    s, size = stages[i], sums.itemsize
    g = Geometry(s.C, s.G, s.sh, s.sw, s.dh, s.dw, s.P, s.Q, s.K, s.slide, s.rest)
    like, w = sums.dtype, Weights(s.w, s.w_group, s.w_row)
    places = Sums(np.intp(sums.ctypes.data), s.channels * size, s.pool, s.sums_w)
    for r in range(t * rows, min((t + 1) * rows, n * s.out_h)):
        image, row = r // s.out_h, r % s.out_h
        sum_rows(like, places, s.O if s.rest else s.channels, s.x + image * s.x_image + row * s.pool * s.sh * s.x_row, s.x_row,
                 w, g)
        finish_row(like, places, s.O, s.b, s.low, s.y + image * s.y_image + row * s.y_row, s.out_w)


@njit(inline="always")
def flatten_task(stages, i, image, like):
    """One image (H, W, C) as the vector (C, H, W)."""
    s, size = stages[i], item_bytes(like)
    for row in range(s.out_h):
        for j in range(0, s.out_w, lanes(like)):
            for c in range(0, s.C, lanes(like)):
                transpose_block(like, s.x + image * s.x_image + row * s.x_row + (j * s.C + c) * size, s.C * size, s.out_w - j,
                                s.C - c, s.y + image * s.y_image + ((c * s.out_h + row) * s.out_w + j) * size,
                                s.out_h * s.out_w * size)


@njit(inline="always")
def linear_task(stages, i, t, n, rows, like):
    """One panel of the results, as wide as a tile, or some rows of it; w as `pack` lays it out."""
    s, size = stages[i], item_bytes(like)
    width = TILE_BYTES // size
    columns = (s.O + width - 1) // width
    panel, m = t % columns, t // columns * rows
    left, height = min(width, s.O - panel * width), min(rows, n - m)
    wide = min(left, s.O - s.rest - panel * width)
    x, y = s.x + m * s.x_image, s.y + m * s.y_image + panel * width * size
    if wide > 0:
        product(like, x, s.x_image, size, s.K, s.w + panel * s.K * width * size, width * size, y, s.y_image, height, wide)
    if wide < left:
        column = s.w + (s.O - s.rest + width - 1) // width * s.K * width * size
        narrow_product(like, x, s.x_image, s.K, column, y + wide * size, s.y_image, height, s.rest)
    finish_rows(like, y, s.y_image, s.b + panel * width * size, s.low, height, left)
