"""The stored entries of rows times x, for both storage forms: a batch of 64 runs 9 times as fast as on the loops.

A single x and a batch are computed in two ways. A single x takes about as long as on the loops; a batch reads each entry once.
Letters: x (B, I), w (O, I), y (B, O); r a row of w, c a column of it, k a stored entry, v its value.

One x      the entries of a row meet numbers of x that lie apart. x is small enough for the nearest cache, and the compiler
           gathers eight or more of these numbers at a time.
A batch    the samples lie side by side, x[c, b], so that an entry is one multiply-add of whole registers,
           y[r, b] += v · x[c, b]: LANES · 4 samples at a time, whose sums stay in registers over the row.

Each sum is computed by one thread. Indices are unsigned: Numba's check for negative ones would double the time.
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnlite.kernels.machine.cache import njit
from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.memory import empty
from nnlite.kernels.machine.sharing import share_out
from nnlite.kernels.machine.threads import WORTH_A_THREAD, parallel_kernel, threads_for
from nnlite.kernels.simd.instructions import (
    I64,
    LLVM_TYPE,
    emit_call,
    emit_load,
    emit_load_spread,
    emit_mask,
    emit_store,
    lane_count,
)
from nnlite.kernels.simd.level import LEVEL

LANES = lane_count(types.float32)
WIDTH = 4 * LANES  # samples of a tile
ROWS = 64  # rows that a thread takes at a time
FEW = 8  # fewer samples than this are multiplied one by one


class Relative(NamedTuple):
    """The relative form of w, as `nncompress.sparse.RelativeForm` has it: row r has the entries starts[r] ≤ k < starts[r + 1].

    gaps: zeros before each entry; codes: which number of the codebook each is; before: the column before a row's first entry.
    """

    gaps: np.ndarray
    codes: np.ndarray
    codebook: np.ndarray
    starts: np.ndarray
    before: np.ndarray


def csr_matmul(values, columns, starts, x, y):
    """y[b, r] = Σ_k values[k] · x[b, columns[k]] over the entries k of row r; y (B, O) is filled."""
    work = values.size * len(x)
    if len(x) >= FEW:
        csr_batch(values, columns, starts, side_by_side(x), y, threads_for(work))
    elif work < WORTH_A_THREAD:
        csr_few(values, columns, starts, x, y, 0, y.shape[1])
    else:
        csr_few_on_threads(values, columns, starts, x, y, threads_for(work))


def relative_matmul(gaps, codes, codebook, starts, before, x, y):
    """y[b, r] = Σ_k codebook[codes[k]] · x[b, c_k] over the entries k of row r; y (B, O) is filled."""
    w, work = (gaps, codes, codebook, starts, before), codes.size * len(x)
    if len(x) >= FEW:
        relative_batch(w, side_by_side(x), y, threads_for(work))
    elif work < WORTH_A_THREAD:
        relative_few(w, x, y, 0, y.shape[1])
    else:
        relative_few_on_threads(w, x, y, threads_for(work))


def side_by_side(x):
    """x (B, I) in tiles of WIDTH samples: tiles[t, c, b] = x[t·WIDTH + b, c] -> (⌈B / WIDTH⌉, I, WIDTH); past B it is unset."""
    B, I = x.shape
    tiles = empty((-(-B // WIDTH), I, WIDTH), np.float32)
    for t in range(len(tiles)):
        part = x[t * WIDTH : (t + 1) * WIDTH]
        tiles[t, :, : len(part)] = part.T
    return tiles


@njit(cache=True, fastmath={"reassoc", "contract"})
def dot(values, columns, start, end, x):
    """Σ_k values[k] · x[columns[k]] over start ≤ k < end, in as many partial sums as the compiler likes.   x (I,)"""
    total = np.float32(0)
    for k in range(start, end):
        total += values[k] * x[columns[k]]
    return total


@njit(cache=True)
def csr_few(values, columns, starts, x, y, first, last):
    """y[b, r] = Σ_k values[k] · x[b, columns[k]] over starts[r] ≤ k < starts[r + 1], for the rows first ≤ r < last."""
    for b in range(len(x)):
        for r in range(first, last):
            y[b, r] = dot(values, columns, starts[r], starts[r + 1], x[b])


@parallel_kernel
def csr_few_on_threads(values, columns, starts, x, y, threads):
    share_out(csr_few_block, (y.shape[1] + ROWS - 1) // ROWS, threads, (values, columns, starts, x, y))


@inner_kernel
def csr_few_block(block, thread, values, columns, starts, x, y):
    csr_few(values, columns, starts, x, y, block * ROWS, min(y.shape[1], (block + 1) * ROWS))


@njit(cache=True)
def next_column(c, gap):
    """The column of the next entry: `gap` zeros lie between.   c uint64; the column before the first is −1, modulo 2^64."""
    return c + (np.uint64(gap) + np.uint64(1))


@njit(cache=True)
def walk(gaps, codes, codebook, start, end, c, x):
    """Σ_k codebook[codes[k]] · x[c_k] over start ≤ k < end,  c_k = c_(k−1) + gaps[k] + 1 from c on; fillers are left out."""
    total = np.float32(0)
    for k in range(start, end):
        c = next_column(c, gaps[k])
        if codes[k]:
            total += codebook[codes[k]] * x[c]
    return total


@njit(cache=True, fastmath={"contract"})
def walk_by_fours(gaps, codes, codebook, c, x):
    """The sum of `walk` in four partial sums, because in a single sum every multiply-add would wait for the one before.

    Fillers are multiplied like the others, by their 0. That matters only where x is Inf or NaN, and then the sum is NaN.
    """
    sum0 = sum1 = sum2 = sum3 = np.float32(0)
    fours = len(gaps) // 4
    for four in range(fours):
        k = 4 * four
        c0 = next_column(c, gaps[k])
        c1 = next_column(c0, gaps[k + 1])
        c2 = next_column(c1, gaps[k + 2])
        c = next_column(c2, gaps[k + 3])
        sum0 += codebook[codes[k]] * x[c0]
        sum1 += codebook[codes[k + 1]] * x[c1]
        sum2 += codebook[codes[k + 2]] * x[c2]
        sum3 += codebook[codes[k + 3]] * x[c]
    for k in range(4 * fours, len(gaps)):
        c = next_column(c, gaps[k])
        sum0 += codebook[codes[k]] * x[c]
    return (sum0 + sum1) + (sum2 + sum3)


@njit(cache=True)
def relative_few(w, x, y, first, last):
    """y[b, r] of the rows first ≤ r < last: a walk along the entries of each, from the column before[r]."""
    gaps, codes, codebook, starts, before = w
    for r in range(first, last):
        row_gaps, row_codes = gaps[starts[r] : starts[r + 1]], codes[starts[r] : starts[r + 1]]
        for b in range(len(x)):
            y[b, r] = walk_by_fours(row_gaps, row_codes, codebook, np.uint64(before[r]), x[b])
    for r in range(first, last):
        for b in range(len(x)):
            if np.isnan(y[b, r]):  # perhaps only for a filler
                y[b, r] = walk(gaps, codes, codebook, starts[r], starts[r + 1], np.uint64(before[r]), x[b])


@parallel_kernel
def relative_few_on_threads(w, x, y, threads):
    share_out(relative_few_block, (y.shape[1] + ROWS - 1) // ROWS, threads, (w, x, y))


@inner_kernel
def relative_few_block(block, thread, w, x, y):
    relative_few(w, x, y, block * ROWS, min(y.shape[1], (block + 1) * ROWS))


def make_row_tile(vectors):
    """One row of w times up to vectors · LANES samples, the sums in registers, as a function that Numba code can call.

        sums[b] = Σ_k values[k] · x[columns[k], b]   over start ≤ k < end, for b < samples

    row_tile(values, columns, start, end, x, sums, samples): x (I, WIDTH), sums (WIDTH,); all arrays C-contiguous.
    """

    @intrinsic
    def row_tile(typingctx, values, columns, start, end, x, sums, samples):
        def codegen(context, builder, signature, arguments):
            kinds = signature.args
            values, columns, x, sums = [context.make_array(kinds[i])(context, builder, arguments[i]) for i in (0, 1, 4, 5)]
            start, end, samples = [context.cast(builder, arguments[i], kinds[i], types.intp) for i in (2, 3, 6)]
            vector = ir.VectorType(LLVM_TYPE[types.float32], LANES)
            masks = [emit_mask(builder, samples, v * LANES, LANES) for v in range(vectors)]
            totals = [cgutils.alloca_once_value(builder, ir.Constant(vector, None)) for _ in range(vectors)]
            x_start, sums_start = builder.ptrtoint(x.data, I64), builder.ptrtoint(sums.data, I64)
            with cgutils.for_range_slice(builder, start, end, I64(1), I64) as (k, _):
                spread = emit_load_spread(builder, builder.ptrtoint(builder.gep(values.data, [k]), I64), vector)
                column = builder.load(builder.gep(columns.data, [k]))
                column = context.cast(builder, column, kinds[1].dtype, types.intp)
                x_row = builder.add(x_start, builder.mul(column, I64(4 * WIDTH)))
                for v in range(vectors):
                    x_vector = emit_load(builder, builder.add(x_row, I64(v * LEVEL.vector_bytes)), vector, masks[v])
                    total = emit_call(builder, "llvm.fma", spread, x_vector, builder.load(totals[v]))
                    builder.store(total, totals[v])
            for v in range(vectors):
                address = builder.add(sums_start, I64(v * LEVEL.vector_bytes))
                emit_store(builder, builder.load(totals[v]), address, masks[v])
            return context.get_dummy_value()

        return types.void(values, columns, start, end, x, sums, samples), codegen

    return row_tile


_row_tile_4, _row_tile_2, _row_tile_1 = make_row_tile(4), make_row_tile(2), make_row_tile(1)


@njit(cache=True)
def row_times_tile(values, columns, start, end, x, sums, samples):
    """sums[b] = Σ_k values[k] · x[columns[k], b] over start ≤ k < end, for b < samples.   x (I, WIDTH), sums (WIDTH,)"""
    if samples > 2 * LANES:
        _row_tile_4(values, columns, start, end, x, sums, samples)
    elif samples > LANES:
        _row_tile_2(values, columns, start, end, x, sums, samples)
    else:
        _row_tile_1(values, columns, start, end, x, sums, samples)


@parallel_kernel
def csr_batch(values, columns, starts, tiles, y, threads):
    """y (B, O) from x as `side_by_side` lays it out."""
    blocks = (y.shape[1] + ROWS - 1) // ROWS
    share_out(csr_batch_block, len(tiles) * blocks, threads, (blocks, values, columns, starts, tiles, y))


@inner_kernel
def csr_batch_block(task, thread, blocks, values, columns, starts, tiles, y):
    t, block = task // blocks, task % blocks
    x, y_tile, sums = tiles[t], y[t * WIDTH : (t + 1) * WIDTH], np.empty(WIDTH, np.float32)
    for r in range(block * ROWS, min(y.shape[1], (block + 1) * ROWS)):
        row_times_tile(values, columns, starts[r], starts[r + 1], x, sums, len(y_tile))
        for b in range(len(y_tile)):
            y_tile[b, r] = sums[b]


@njit(cache=True)
def decode_row(gaps, codes, codebook, start, end, c, values, columns):
    """Write the values and columns of one row's entries, without fillers; returns how many entries there are."""
    n = np.uint64(0)
    for k in range(start, end):
        c = next_column(c, gaps[k])
        values[n], columns[n] = codebook[codes[k]], c
        n += np.uint64(codes[k] != 0)  # a filler is overwritten by the next entry
    return n


@parallel_kernel
def relative_batch(w, tiles, y, threads):
    """y (B, O) from x as `side_by_side` lays it out; each thread decodes one row at a time, and only that."""
    blocks = (y.shape[1] + ROWS - 1) // ROWS
    share_out(relative_batch_block, len(tiles) * blocks, threads, (blocks, w, tiles, y))


@inner_kernel
def relative_batch_block(task, thread, blocks, w, tiles, y):
    t, block = task // blocks, task % blocks
    gaps, codes, codebook, starts, before = w
    x, y_tile, sums = tiles[t], y[t * WIDTH : (t + 1) * WIDTH], np.empty(WIDTH, np.float32)
    values, columns = np.empty(len(x), np.float32), np.empty(len(x), np.uint32)
    for r in range(block * ROWS, min(y.shape[1], (block + 1) * ROWS)):
        n = decode_row(gaps, codes, codebook, starts[r], starts[r + 1], np.uint64(before[r]), values, columns)
        row_times_tile(values, columns, 0, n, x, sums, len(y_tile))
        for b in range(len(y_tile)):
            y_tile[b, r] = sums[b]
