"""The loops of int8 inference that are not matrix products: quantize the input, requantize, add, pool.

Each fills its last argument. Letters: R rows, O channels (the last axis), S scale, Z zero point, M0 and shift or M the
multiplier of each channel, [low, high] the range of the result. The formulas and their NumPy twins stand in `affine`,
`requantize` and `int8_reference`.
"""

import numba
import numpy as np
from numba import njit, prange

from nncompress.quantization.requantize_kernels import add_fixed, add_float, clamp, requantize_fixed, requantize_float
from nnlite.kernels.convolution import sum_rows


@njit(cache=True)
def larger(a, b):
    return a if a >= b else b


@njit(cache=True)
def keep_largest(part, j):
    """part[0, j, o] = the maximum of the 2×2 block (2j, 2j + 1) of both rows: the row is overwritten from the left."""
    for o in range(part.shape[2]):
        above, below = larger(part[0, 2 * j, o], part[0, 2 * j + 1, o]), larger(part[1, 2 * j, o], part[1, 2 * j + 1, o])
        part[0, j, o] = larger(above, below)


@njit(cache=True, parallel=True)
def quantize_rows(x, S, Z, q):
    """q = clamp(round(x / S) + Z, 0, 255):  x (R, O) float32 -> q uint8."""
    R, O = x.shape
    for r in prange(R):
        for o in range(O):
            q[r, o] = np.uint8(clamp(np.rint(x[r, o] / S) + np.float32(Z), np.float32(0), np.float32(255)))


@njit(cache=True, parallel=True)
def quantize_images(x, S, Z, q, top, left):
    """quantize_rows from (N, C, H, W) float32 to the inside of q (≥ N, H + 2·top, W + 2·left, C) uint8."""
    N, C, H, W = x.shape
    for t in prange(N * H):
        n, i = t // H, t % H
        for c in range(C):
            for j in range(W):
                value = clamp(np.rint(x[n, c, i, j] / S) + np.float32(Z), np.float32(0), np.float32(255))
                q[n, top + i, left + j, c] = np.uint8(value)


@njit(cache=True, parallel=True)
def conv2d_fused_fixed(x, x_image, x_row, w, g, b, M0, shift, Z, low, sums, y, top, left, N, out_h, out_w):
    """`nnlite.kernels.conv2d_fused` in integers: y = requantize_fixed(b + the maximum of the sums), uint8."""
    pool = sums.shape[1]
    for t in prange(N * out_h):
        n, i = t // out_h, t % out_h
        part = sums[numba.get_thread_id()]
        sum_rows(part, x + n * x_image + i * pool * g.sh * x_row, x_row, 1, 4, w.ctypes.data, 4 * w.shape[1] * w.shape[2], g)
        for j in range(out_w):
            if pool == 2:
                keep_largest(part, j)
            for o in range(part.shape[2]):
                y[n, top + i, left + j, o] = requantize_fixed(part[0, j, o] + b[o], M0[o], shift[o], Z, low, 255)


@njit(cache=True, parallel=True)
def conv2d_fused_float(x, x_image, x_row, w, g, b, M, Z, low, sums, y, top, left, N, out_h, out_w):
    """The same by the float law: y = requantize_float(b + the maximum of the sums), uint8."""
    pool = sums.shape[1]
    for t in prange(N * out_h):
        n, i = t // out_h, t % out_h
        part = sums[numba.get_thread_id()]
        sum_rows(part, x + n * x_image + i * pool * g.sh * x_row, x_row, 1, 4, w.ctypes.data, 4 * w.shape[1] * w.shape[2], g)
        for j in range(out_w):
            if pool == 2:
                keep_largest(part, j)
            for o in range(part.shape[2]):
                y[n, top + i, left + j, o] = requantize_float(part[0, j, o] + b[o], M[o], Z, low, 255)


@njit(cache=True, parallel=True)
def requantize_rows_fixed(acc, b, M0, shift, Z, low, high, q):
    """q = requantize_fixed(acc + b) with one multiplier per channel:  acc (R, O) int32, b, M0, shift (O,) -> q uint8."""
    R, O = acc.shape
    for r in prange(R):
        for o in range(O):
            q[r, o] = requantize_fixed(acc[r, o] + b[o], M0[o], shift[o], Z, low, high)


@njit(cache=True, parallel=True)
def requantize_rows_float(acc, b, M, Z, low, high, q):
    """q = requantize_float(acc + b) with one multiplier per channel:  acc (R, O) int32, b, M (O,) -> q uint8."""
    R, O = acc.shape
    for r in prange(R):
        for o in range(O):
            q[r, o] = requantize_float(acc[r, o] + b[o], M[o], Z, low, high)


@njit(cache=True, parallel=True)
def add_rows_fixed(x, y, Z1, Z2, M0, shift, Z3, low, high, q):
    """q = add_fixed(x, y):  x, y (R, O) uint8 -> q uint8."""
    R, O = x.shape
    for r in prange(R):
        for o in range(O):
            q[r, o] = add_fixed(x[r, o], y[r, o], Z1, Z2, M0, shift, Z3, low, high)


@njit(cache=True, parallel=True)
def add_rows_float(x, y, Z1, Z2, M1, M2, Z3, low, high, q):
    """q = add_float(x, y):  x, y (R, O) uint8 -> q uint8."""
    R, O = x.shape
    for r in prange(R):
        for o in range(O):
            q[r, o] = add_float(x[r, o], y[r, o], Z1, Z2, M1, M2, Z3, low, high)


@njit(cache=True, parallel=True)
def sum_pool2d(x, Z, kh, kw, sh, sw, ph, pw, acc):
    """acc[n, i, j, c] = Σ over the window, inside the image, of x − Z:  x (N, H, W, C) uint8 -> acc (N, H', W', C) int32."""
    N, H, W, C = x.shape
    _, out_h, out_w, _ = acc.shape
    for t in prange(N * out_h):
        n, i = t // out_h, t % out_h
        for j in range(out_w):
            for c in range(C):
                acc[n, i, j, c] = 0
            for u in range(max(0, ph - i * sh), min(kh, H + ph - i * sh)):
                for v in range(max(0, pw - j * sw), min(kw, W + pw - j * sw)):
                    for c in range(C):
                        acc[n, i, j, c] += np.int32(x[n, i * sh + u - ph, j * sw + v - pw, c]) - Z
