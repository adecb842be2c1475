"""Matrix product in floats and in integers: c = a b.

Letters: a (M, K), b (K, N), c (M, N).
"""

import numpy as np
from numba import njit, prange

from nnlite.kernels.strip import TILE_BYTES, TILE_ROWS, strip
from nnlite.kernels.threads import use_threads


def matmul_reference(a, b):
    """c[m, n] = Σ_k a[m, k] b[k, n], by broadcasting: the formula, no tricks."""
    return (a[:, :, None] * b[None, :, :]).sum(axis=1)


def matmul(a, b):
    """c = a b for a (M, K), b (K, N) of one float dtype, with any strides -> c (M, N), C-contiguous.

    b's rows have to be contiguous, so a transposed b is copied; a is read where it lies.
    """
    b = np.ascontiguousarray(b)
    c = np.empty((a.shape[0], b.shape[1]), b.dtype)
    _matmul(a, b, c)
    return c


def _matmul(a, b, c):
    """Hand a's strides to the kernel as numbers: one compiled version then serves a and aᵀ."""
    if c.size:
        use_threads(c.size * a.shape[1])
        _matmul_strided(a.ctypes.data, *a.strides, a.shape[1], b, c)


@njit(cache=True, parallel=True)
def _matmul_strided(a, a_row, a_step, K, b, c):
    M, N = c.shape
    like, b_data, c_data = c.reshape(-1), b.ctypes.data, c.ctypes.data
    b_row, c_row = b.shape[1] * b.itemsize, N * c.itemsize
    width = TILE_BYTES // c.itemsize
    columns = (N + width - 1) // width
    for t in prange(columns * ((M + TILE_ROWS - 1) // TILE_ROWS)):
        n = t % columns * width
        m = max(0, min(t // columns * TILE_ROWS, M - TILE_ROWS))
        strip(like, a + m * a_row, a_row, 0, 1, 0, 1, a_step, K, b_data + n * b.itemsize, b_row,
              c_data + m * c_row + n * c.itemsize, c_row, min(TILE_ROWS, M), min(width, N - n))


def pack_int8(w):
    """Four consecutive k of a column side by side: w (K, N) int8 -> (⌈K/4⌉, N, 4) int8, zeros past K."""
    (K, N), K4 = w.shape, -(-len(w) // 4)
    padded = np.zeros((4 * K4, N), np.int8)
    padded[:K] = w
    return np.ascontiguousarray(padded.reshape(K4, 4, N).transpose(0, 2, 1))


def matmul_int8_reference(a, w):
    """c[m, n] = Σ_k a[m, k] w[k, n] with a uint8, w int8, summed in int64 and exact."""
    return a.astype(np.int64) @ w.astype(np.int64)


def matmul_int8(a, packed, c):
    """c = a w in int32 for a (M, K) uint8, C-contiguous, and packed = pack_int8(w); exact up to K = 66,311."""
    K4 = packed.shape[0]
    if a.shape[1] != 4 * K4:
        a = np.pad(a, ((0, 0), (0, 4 * K4 - a.shape[1])))
    if c.size:
        use_threads(c.size * a.shape[1] // 4)
        _matmul_int8(a, packed, c)


@njit(cache=True, parallel=True)
def _matmul_int8(a, packed, c):
    M, N = c.shape
    like, a_data, b_data, c_data = c.reshape(-1), a.ctypes.data, packed.ctypes.data, c.ctypes.data
    a_row, width = a.shape[1], TILE_BYTES // 4
    columns = (N + width - 1) // width
    for t in prange(columns * ((M + TILE_ROWS - 1) // TILE_ROWS)):
        n = t % columns * width
        m = max(0, min(t // columns * TILE_ROWS, M - TILE_ROWS))
        strip(like, a_data + m * a_row, a_row, 0, 1, 0, 1, 4, packed.shape[0], b_data + 4 * n, 4 * N,
              c_data + 4 * (m * N + n), 4 * N, min(TILE_ROWS, M), min(width, N - n))
