"""The loops of int8 inference that are not matrix products: quantize the input, requantize, add, pool.

Each fills its last array. Letters: R rows, O channels (the last axis), S scale, Z zero point, [low, high] the range of the
result; the multiplier of each channel is M0, left and right by the fixed law, M by the float law (the other's arrays are
empty; left also where nothing is to be shifted left and no sum can exceed int32).
The formulas and their NumPy twins stand in `affine`, `requantize` and `int8_reference`.
"""

import numba
import numpy as np
from numba import njit, prange

from nncompress.quantization.requantize_kernels import add_fixed, add_float, requantize_fixed, requantize_float, shift_left
from nnlite.kernels.convolution import block_maximum, sum_rows
from nnlite.kernels.matmul import rows_of_a_task
from nnlite.kernels.strip import configure, release, strip
from nnlite.kernels.threads import parallel_kernel
from nnlite.kernels.vector import lanes, load, load_bytes, store_bytes, wide


@njit(cache=True)
def quantize(x, S, Z):
    """q = clamp(round(x / S) + Z, 0, 255) of one float32."""
    return np.uint8(min(max(np.rint(x / S) + np.float32(Z), np.float32(0)), np.float32(255)))


@parallel_kernel
def quantize_rows(x, S, Z, q):
    """q = quantize(x):  x (R, O) float32 -> q uint8."""
    R, O = x.shape
    for r in prange(R):
        for o in range(O):
            q[r, o] = quantize(x[r, o], S, Z)


@parallel_kernel
def quantize_images(x, S, Z, q, top, left):
    """quantize_rows from (N, C, H, W) float32 to the inside of q (≥ N, H + 2·top, W + 2·left, C) uint8."""
    N, C, H, W = x.shape
    for t in prange(N * H):
        n, i = t // H, t % H
        row = np.empty(W, np.uint8)
        for c in range(C):
            for j in range(W):
                row[j] = quantize(x[n, c, i, j], S, Z)
            for j in range(W):
                q[n, top + i, left + j, c] = row[j]


@njit(cache=True)
def requantize(like, acc, pixel, row, pool, b, M0, left, right, M, first, last, Z, low, high, q, q_pixel, pixels):
    """q[j, o] = requantize(b[o] + the maximum of block j of acc), for `pixels` blocks and first ≤ o < last, by either law.

    acc and q are the addresses of the first block, channel 0: int32 with `pixel` and `row` bytes from one pixel and one row
    of a block to the next, and uint8. A block is pool × pool pixels.
    """
    for o in range(first, last, lanes(like)):
        n, at = last - o, 4 * o
        b_o = load(like, b.ctypes.data + at, n)
        if M.size:
            M_o = load(M, M.ctypes.data + at, n)
            for j in range(pixels):
                x = block_maximum(like, acc + j * pool * pixel + at, row, pixel, pool, n) + b_o
                store_bytes(q + j * q_pixel + o, requantize_float(x, M_o, Z, low, high), n)
            continue
        M0_o, right_o = load(like, M0.ctypes.data + at, n), load(like, right.ctypes.data + at, n)
        if left.size:
            left_o = load(like, left.ctypes.data + at, n)
            for j in range(pixels):
                x = wide(block_maximum(like, acc + j * pool * pixel + at, row, pixel, pool, n)) + wide(b_o)
                store_bytes(q + j * q_pixel + o, requantize_fixed(shift_left(x, left_o), M0_o, right_o, Z, low, high), n)
        else:
            for j in range(pixels):
                x = block_maximum(like, acc + j * pool * pixel + at, row, pixel, pool, n) + b_o
                store_bytes(q + j * q_pixel + o, requantize_fixed(x, M0_o, right_o, Z, low, high), n)


@parallel_kernel
def conv2d_fused_int8(x, x_image, x_row, w, g, b, M0, left, right, M, Z, low, sums, y, y_top, y_left, N, out_h, out_w, rows):
    """`nnlite.kernels.conv2d_fused` in integers: y = requantize(b + the maximum of the sums), uint8; `rows` rows are a task."""
    _, pool, sums_w, O = sums.shape
    like = sums.reshape(-1)
    for t in prange((N * out_h + rows - 1) // rows):
        part = sums[numba.get_thread_id()]
        configure(like, sums_w, g.K, O // g.G)
        for r in range(t * rows, min((t + 1) * rows, N * out_h)):
            n, i = r // out_h, r % out_h
            x_at = x + n * x_image + i * pool * g.sh * x_row
            y_at = y.ctypes.data + ((n * y.shape[1] + y_top + i) * y.shape[2] + y_left) * O
            sum_rows(part, x_at, x_row, 1, 4, w.ctypes.data, 4 * w.shape[1] * w.shape[2], g)
            requantize(like, part.ctypes.data, 4 * O, 4 * sums_w * O, pool, b, M0, left, right, M, 0, O, Z, low, 255,
                       y_at, O, out_w)
        release(like)


@parallel_kernel
def linear_int8(x, w, b, M0, left, right, M, Z, low, c, y, N, threads):
    """y = requantize(b + x w):  x (≥ N, K), w = pack_int8(…).panels, c (≥ N, O) int32 for the sums -> y (≥ N, O) uint8."""
    columns, steps, width, _ = w.shape
    O, like, x_row, panel_bytes = c.shape[1], c.reshape(-1), x.shape[1], steps * width * 4
    rows = rows_of_a_task(N, columns, threads)
    blocks = (N + rows - 1) // rows
    for t in prange(columns * blocks):
        o, n = t // blocks * width, t % blocks * rows
        last, height, c_at = min(o + width, O), min(rows, N - n), c.ctypes.data + 4 * n * O
        configure(like, height, steps, last - o)
        strip(like, x.ctypes.data + n * x_row, x_row, 0, 1, 0, 1, 4, steps, w.ctypes.data + t // blocks * panel_bytes,
              0, 0, width * 4, c_at + 4 * o, 4 * O, height, last - o)
        release(like)
        requantize(like, c_at, 4 * O, 0, 1, b, M0, left, right, M, o, last, Z, low, 255, y.ctypes.data + n * O, O, height)


@parallel_kernel
def requantize_rows(acc, b, M0, left, right, M, Z, low, high, q):
    """q = requantize(acc + b) with one multiplier per channel:  acc (R, O) int32, b (O,) -> q uint8."""
    R, O = acc.shape
    like = acc.reshape(-1)
    for t in prange((R + 63) // 64):
        r = 64 * t
        requantize(like, acc.ctypes.data + 4 * r * O, 4 * O, 0, 1, b, M0, left, right, M, 0, O, Z, low, high,
                   q.ctypes.data + r * O, O, min(64, R - r))


@parallel_kernel
def add_rows(x, y, Z1, Z2, M0, left, right, M, Z3, low, high, q):
    """q = the sum of two activations:  x, y (R, O) uint8 -> q uint8.   M0, left, right (3,), or M (2,): by the float law."""
    R, O = x.shape
    like = np.empty(0, np.int32)
    for r in prange(R):
        for o in range(0, O, lanes(like)):
            at, n = r * O + o, O - o
            q1, q2 = load_bytes(like, x.ctypes.data + at, n), load_bytes(like, y.ctypes.data + at, n)
            if M.size:
                store_bytes(q.ctypes.data + at, add_float(q1, q2, Z1, Z2, M[0], M[1], Z3, low, high), n)
            else:
                store_bytes(q.ctypes.data + at, add_fixed(q1, q2, Z1, Z2, M0, left, right, Z3, low, high), n)


@parallel_kernel
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
