"""A strip: any number of rows and columns of a result, covered with register tiles."""

from numba import njit

from nnlite.kernels.simd import LEVEL
from nnlite.kernels.tile import make_tile

TILE_ROWS = 8
TILE_BYTES = 2 * LEVEL.vector_bytes  # width of a tile in bytes of c

_tile_8x2, _tile_8x1, _tile_4x2, _tile_1x2 = make_tile(8, 2), make_tile(8, 1), make_tile(4, 2), make_tile(1, 2)


@njit(cache=True)
def strip(like, a, row, outer, P, inner, Q, step, K, b, b_row, c, c_row, M, N):
    """c[m, n] = Σ_p Σ_q Σ_k a[m·row + p·outer + q·inner + k·step] · b[((p·Q + q)·K + k)·b_row + n]   for m < M, n < N

    Addresses and strides in bytes, as in `tile`. The last tile of a column is shifted back to end with the strip: the rows
    that it shares with the one before are computed twice, to the same bits.
    """
    width = TILE_BYTES // like.itemsize
    for n in range(0, N, width):
        left, offset = N - n, n * like.itemsize
        if M >= 8 and 2 * left <= width:
            for m in range(0, M, 8):
                m = min(m, M - 8)
                _tile_8x1(like, a + m * row, row, outer, P, inner, Q, step, K, b + offset, b_row,
                          c + m * c_row + offset, c_row, left)
        elif M >= 8:
            for m in range(0, M, 8):
                m = min(m, M - 8)
                _tile_8x2(like, a + m * row, row, outer, P, inner, Q, step, K, b + offset, b_row,
                          c + m * c_row + offset, c_row, left)
        elif M >= 4:
            for m in range(0, M, 4):
                m = min(m, M - 4)
                _tile_4x2(like, a + m * row, row, outer, P, inner, Q, step, K, b + offset, b_row,
                          c + m * c_row + offset, c_row, left)
        else:
            for m in range(M):
                _tile_1x2(like, a + m * row, row, outer, P, inner, Q, step, K, b + offset, b_row,
                          c + m * c_row + offset, c_row, left)
