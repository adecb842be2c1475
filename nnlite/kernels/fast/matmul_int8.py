"""The product c = a w of uint8 with int8 weights on the register tile: 14 times as fast as the loops, at 64×784 × 784×300.

One instruction multiplies four k of a row with four k of a column and adds them to an int32 sum, for a register of columns.
Letters: a (M, K), w (K, N), c (M, N). The weights are laid out once, in panels as wide as a tile. A block of about
32 rows of a stays in the first-level cache, while one panel after the other comes from the second-level cache.
"""

from typing import NamedTuple

import numpy as np

from nnlite.kernels.fast.matmul import copy_rows
from nnlite.kernels.loops.matmul_int8 import PackedInt8
from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.memory import LINE, address, empty
from nnlite.kernels.machine.sharing import share_out
from nnlite.kernels.machine.threads import parallel_kernel, threads_for
from nnlite.kernels.simd.amx import FEWEST_ROWS, STEPS
from nnlite.kernels.simd.level import LANES, LEVEL
from nnlite.kernels.simd.strip import FOUR, TILE_BYTES, configure, has_amx, product, release
from nnlite.kernels.simd.vector import lanes, load, load_bytes, store, store_bytes

TILE_REGISTERS = LEVEL.name == "amx"
BLOCK = 32  # rows
TILE_LANES = TILE_BYTES // 4  # columns of a tile
LARGEST_BLOCK = BLOCK + BLOCK // 2 - 1  # the last one
PANELS_BYTES = 2**20  # of weights that a core's second cache keeps
FEW_PANELS = 5  # up to so many panels, copying the rows to aligned memory costs more than it saves


class Division(NamedTuple):
    """How a product is divided into tasks: each has one of `parts` of the blocks, and one of `panel_parts` of the panels.

    copied: whether the rows of a block are first copied, so that each begins at the start of a cache line.
    row_bytes: the room for the copy of a row, and for its sums with a last panel that has fewer columns.
    """

    blocks: int
    parts: int
    panel_parts: int
    copied: bool
    row_bytes: int


def pack_int8(w):
    """w (K, N) int8 -> PackedInt8 with panels as numbers: int8 (⌈N/width⌉, steps, width, 4).

    Four k of a column lie side by side, `width` columns are a panel; zeros past K and N. A panel is as wide as a tile, or as a
    register where one has room for all columns. Where there are tile registers, the steps fill whole ones: 4·steps is K rounded
    up to a multiple of 64, elsewhere of 4.
    """
    K, N = w.shape
    multiple = STEPS if TILE_REGISTERS else 1
    return PackedInt8(panels_int8(w, -(-K // (4 * multiple)) * multiple, LANES if N <= LANES else TILE_LANES), K, N)


def panels_int8(w, steps, width=TILE_LANES):
    """w (K, N) int8 -> panels (⌈N/width⌉, steps, width, 4), with zeros past K and N."""
    K, N = w.shape
    count = -(-N // width)
    padded = np.zeros((4 * steps, count * width), np.int8)
    padded[:K, :N] = w
    panels = empty((count, steps, width, 4), np.int8)
    panels[...] = padded.reshape(steps, 4, count, width).transpose(2, 0, 3, 1)
    return panels


def matmul_int8(a, packed, c):
    """c = a w in int32 for a (M, K) uint8 with contiguous rows, and packed = pack_int8(w); exact up to K = 65,793."""
    if c.size:
        panels, K, _ = packed
        M = len(a)
        work = c.size * (K // 64 + 8) + 2 * M * K if TILE_REGISTERS and M >= FEWEST_ROWS else c.size * K // 4
        _matmul_int8(address(a), a.strides[0], K, panels, c, threads_for(work))


@parallel_kernel
def _matmul_int8(a, a_row, K, b, c, threads):
    """Each thread gets a part of the rows, in whole blocks. If there are few blocks, a task takes only a part of the panels."""
    (M, N), (panels, steps, width, _) = c.shape, b.shape
    straddling = has_amx(c.dtype) and M >= FEWEST_ROWS and (a % LINE != 0 or a_row % LINE != 0)
    copied = K != 4 * steps or straddling and panels > FEW_PANELS
    row_bytes = (4 * steps if copied else 0) + (4 * width if N % width and panels > 1 else 0)
    room = np.empty(threads * min(M, LARGEST_BLOCK) * row_bytes + LINE, np.uint8)
    blocks = max(1, (M + BLOCK // 2) // BLOCK)  # the last one takes up to half of one more
    parts = min(blocks, threads)
    panel_parts = min(panels, (threads + parts - 1) // parts)
    share_out(part_of_product, parts * panel_parts, threads,
              (a, a_row, K, b, c, Division(blocks, parts, panel_parts, copied, row_bytes), room))


@inner_kernel
def part_of_product(t, thread, a, a_row, K, b, c, division, room):
    """One block of rows after the other is multiplied by as many panels as the cache keeps; then all by the next panels.

    If the last panel has fewer columns, it is computed at full register width into a scratch area, and the valid columns are
    copied out. Configuring AMX's tile registers for fewer columns would take longer.
    """
    blocks, parts, panel_parts, copied, row_bytes = division
    (M, N), (panels, steps, width, _), like = c.shape, b.shape, c.dtype
    part, panel_part, rows = t % parts, t // parts, min(M, LARGEST_BLOCK)
    end_panel = panels * (panel_part + 1) // panel_parts
    kept = max(1, PANELS_BYTES // max(1, steps * width * 4))
    b_data, c_data = np.intp(b.ctypes.data), np.intp(c.ctypes.data)
    copy = (np.intp(room.ctypes.data) + LINE - 1) // LINE * LINE + thread * rows * row_bytes
    sums = copy + rows * 4 * steps if copied else copy
    configure(like, rows, steps, min(width, N))
    for first in range(panels * panel_part // panel_parts, end_panel, kept):
        for block in range(blocks * part // parts, blocks * (part + 1) // parts):
            m = block * BLOCK
            height = M - m if block == blocks - 1 else BLOCK
            x, x_row = a + m * a_row, a_row
            if copied:
                x, x_row = copy, 4 * steps
                copy_bytes(like, a + m * a_row, a_row, K, x, x_row, height)
            for panel in range(first, min(first + kept, end_panel)):
                n = panel * width
                w, target = b_data + n * steps * 4, c_data + (m * N + n) * 4
                if n + width <= N or panels == 1:
                    product(like, x, x_row, FOUR, steps, w, width * 4, target, N * 4, height, min(width, N))
                else:
                    filled = (N - n + LANES - 1) // LANES * LANES
                    product(like, x, x_row, FOUR, steps, w, width * 4, sums, 4 * width, height, filled)
                    copy_rows(like, sums, 4 * width, target, N * 4, height, N - n)
    release(like)


@inner_kernel
def copy_bytes(like, source, source_row, K, target, target_row, M):
    """target[m, k] = source[m, k] for k < K. What follows is multiplied by weights of 0. Addresses and strides in bytes."""
    whole = K // 4
    for m in range(M):
        row, to = source + m * source_row, target + m * target_row
        for k in range(0, whole, lanes(like)):
            store(to + 4 * k, load(like, row + 4 * k, whole - k), whole - k)
        store_bytes(to + 4 * whole, load_bytes(like, row + 4 * whole, K - 4 * whole), K - 4 * whole)
