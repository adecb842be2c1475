"""A strip: any number of rows and columns of a result, covered with register tiles."""

import numpy as np
from numba import types
from numba.extending import intrinsic

from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.simd.amx import FEWEST_ROWS, ROWS, STEPS, configure_registers, make_amx_tile, release_registers
from nnlite.kernels.simd.instructions import I1
from nnlite.kernels.simd.level import LEVEL
from nnlite.kernels.simd.tile import Terms, make_tile
from nnlite.kernels.simd.vector import item_bytes

TILE_BYTES = 2 * LEVEL.vector_bytes  # width of a tile in bytes of c
NONE, ONE, FOUR = np.intp(0), np.intp(1), np.intp(4)  # a plain 0, 1 or 4 in a call has a type of its own: compiled anew


def rows_with_registers(level):
    """Rows of the largest tile: its sums, two vectors of b and one of a have to fit into the registers."""
    return 8 if level.registers == 32 else 6


TALL = rows_with_registers(LEVEL)
_whole_tall_tile, _whole_tall_column = make_tile(TALL, 2, whole=True), make_tile(2 * TALL, 1, whole=True)
_tall_tile, _tall_column = make_tile(TALL, 2), make_tile(TALL, 1)
_short_tile = make_tile(TALL, 2, short=True)
_tile_4x2, _tile_2x2, _tile_1x2 = make_tile(4, 2), make_tile(2, 2), make_tile(1, 2)
_amx_tile_1, _amx_tile_2 = make_amx_tile(1), make_amx_tile(2)


@intrinsic
def has_amx(typingctx, like):
    """Whether products with like's dtype use tile registers. It is known while compiling: code for floats contains none."""
    answer = LEVEL.name == "amx" and like.dtype == types.int32
    return types.boolean(like), lambda context, builder, signature, arguments: I1(answer)


@inner_kernel
def configure(like, M, K, N):
    """Call it once before any number of integer strips with the same M, K and N; after them call `release`."""
    if has_amx(like) and M >= FEWEST_ROWS:
        configure_registers(min(M, ROWS), K, min(N, TILE_BYTES // item_bytes(like)))


@inner_kernel
def release(like):
    """Call it after the last strip that `configure` was called for."""
    if has_amx(like):
        release_registers()


@inner_kernel
def strip(like, terms, a, row, b, c, c_row, M, N):
    """c[m, n] = Σ_p Σ_q Σ_k a[m·row + p·outer + q·inner + k·step] · b[p·b_outer + q·b_inner + k·b_row + n]   for m < M, n < N

    Addresses, strides and `Terms` as in `tile`. TALL rows are computed at a time, twice as many if the columns fill one
    register, and four, two or one if fewer rows are left. A tile that would pass the last row is shifted back to end there: the
    rows that it shares with the tile before are computed twice, to the same bits.
    """
    width = TILE_BYTES // item_bytes(like)
    for n in range(0, N, width):
        left, b_n, c_n = N - n, b + n * item_bytes(like), c + n * item_bytes(like)
        m = 0
        if has_amx(like) and M >= FEWEST_ROWS and (left >= min(N, width) or 2 * left == width):
            while m < M:
                if M - m > ROWS and (terms.K % STEPS == 0 or terms.K < STEPS):
                    rows = min(2 * ROWS, M - m)
                    _amx_tile_2(terms, a + m * row, row, b_n, c_n + m * c_row, c_row, left, rows)
                    m += rows
                else:
                    m = max(0, min(m, M - ROWS))
                    _amx_tile_1(terms, a + m * row, row, b_n, c_n + m * c_row, c_row, left, ROWS)
                    m += ROWS
        elif 2 * left == width and M >= 2 * TALL:
            count = M // (2 * TALL)
            _whole_tall_column(like, terms, a, row, b_n, c_n, c_row, left, count)
            m = 2 * TALL * count
        while m < M:
            rows = TALL if M - m > 4 else 4 if M >= 4 else 2 if M >= 2 else 1
            count = max(1, (M - m) // rows)
            m = max(0, min(m, M - rows))
            a_m, c_m = a + m * row, c_n + m * c_row
            if M < rows:
                _short_tile(like, terms, a_m, row, b_n, c_m, c_row, left, M)
            elif rows == TALL and left >= width:
                _whole_tall_tile(like, terms, a_m, row, b_n, c_m, c_row, left, count)
            elif rows == TALL and 2 * left > width:
                _tall_tile(like, terms, a_m, row, b_n, c_m, c_row, left, count)
            elif rows == TALL:
                _tall_column(like, terms, a_m, row, b_n, c_m, c_row, left, count)
            elif rows == 4:
                _tile_4x2(like, terms, a_m, row, b_n, c_m, c_row, left, count)
            elif rows == 2:
                _tile_2x2(like, terms, a_m, row, b_n, c_m, c_row, left, count)
            else:
                _tile_1x2(like, terms, a_m, row, b_n, c_m, c_row, left, count)
            m += rows * count


@inner_kernel
def product(like, a, a_row, a_step, K, b, b_row, c, c_row, M, N):
    """c[m, n] = Σ_k a[m·a_row + k·a_step] · b[k·b_row + n]: a strip whose sum has one part."""
    strip(like, Terms(ONE, ONE, K, NONE, NONE, a_step, NONE, NONE, b_row), a, a_row, b, c, c_row, M, N)
