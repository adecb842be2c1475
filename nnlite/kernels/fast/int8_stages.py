"""Int8 inference as a table of stages. Besides products, its stages quantize images and requantize sums.

`loops` has no table: there a plan runs step by step. Letters: R rows, O channels (the last axis), S scale, Z zero point,
[low, high] the range of the result. The multiplier of each channel is M0, left and right by the law fixed; M0, left and total
by the law once; M by the law float. The arrays of the other laws are empty. An empty `left` means that no sum is shifted left
and none can exceed int32. The formulas are in `loops/requantize.py` and `loops/int8_steps.py`.
"""

import numpy as np

from nnlite.kernels.fast.convolution import Geometry, Sums, Weights, block_maximum, sum_rows
from nnlite.kernels.fast.requantize import (
    Factors,
    Range,
    requantize_fixed,
    requantize_float,
    requantize_once,
    round_and_clamp,
    shift_left,
)
from nnlite.kernels.fast.stages import CONVOLUTION, LOGITS, tasks_of
from nnlite.kernels.loops.int8_steps import quantize_number
from nnlite.kernels.machine.cache import njit
from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.sharing import share_out
from nnlite.kernels.machine.threads import MOVE, parallel_kernel, threads_for
from nnlite.kernels.simd.strip import FOUR, NONE, ONE, TILE_BYTES, configure, product, release
from nnlite.kernels.simd.vector import (
    any_nan,
    lanes,
    load,
    real,
    real_load,
    store,
    store_bytes,
    store_three_bytes,
    wide,
)


@inner_kernel
def quantized(x, S, Z):
    """`quantize_number` of a vector of float32, as int32."""
    return round_and_clamp(x / S, Z, 0, 255)


def quantize_images(x, S, Z, q, top, left):
    """`quantize_rows` from (N, C, H, W) float32 to the inside of q (≥ N, H + 2·top, W + 2·left, C) uint8.

    -> whether all numbers were finite.
    """
    return _quantize_images(x, S, Z, q, top, left, threads_for(MOVE * x.size))


@parallel_kernel
def _quantize_images(x, S, Z, q, top, left, threads):
    finite = np.ones(1, np.bool_)
    share_out(quantize_image_row, len(x) * x.shape[2], threads, (x, S, Z, q, top, left, finite))
    return finite[0]


@inner_kernel
def quantize_image_row(t, thread, x, S, Z, q, top, left, finite):
    """finite[0] becomes False if a number is not finite: then x − x is NaN, else it is 0."""
    (_, C, H, W), like, n, i = x.shape, x.dtype, t // x.shape[2], t % x.shape[2]
    plane, x_data, q_data = 4 * H * W, np.intp(x.ctypes.data), np.intp(q.ctypes.data)
    doubt = load(like, x_data, 0)
    for j in range(0, W, lanes(like)):
        x_at, to = x_data + n * C * plane + 4 * (i * W + j), ((n * q.shape[1] + top + i) * q.shape[2] + left + j) * C
        if C == 1:
            grey = load(like, x_at, W - j)
            doubt = doubt + (grey - grey)
            store_bytes(q_data + to, quantized(grey, S, Z), W - j)
        elif C == 3:
            red, green, blue = load(like, x_at, W - j), load(like, x_at + plane, W - j), load(like, x_at + 2 * plane, W - j)
            doubt = doubt + (red - red) + (green - green) + (blue - blue)
            store_three_bytes(q_data + to, quantized(red, S, Z) + (quantized(green, S, Z) << 8)
                              + (quantized(blue, S, Z) << 16), W - j)
        else:
            for c in range(C):
                numbers = load(like, x_at + c * plane, W - j)
                doubt = doubt + (numbers - numbers)
                for k in range(j, min(j + lanes(like), W)):
                    q[n, top + i, left + k, c] = quantize_number(x[n, c, i, k], S, Z)
    if any_nan(doubt):
        finite[0] = False


@inner_kernel
def requantize(like, sums, factors, to, first, last, q, q_pixel, pixels):
    """q[j, o] = requantize(b[o] + the maximum of block j of the sums), for `pixels` blocks and first ≤ o < last, by any law.

    The sums are int32, and a block is pool × pool of their pixels. q: the address of the first pixel's channel 0, in uint8;
    q_pixel: bytes from one pixel to the next.
    """
    b, M0, left, right, M, total = factors
    Z, low, high = to
    step = sums.pool * sums.pixel
    for o in range(first, last, lanes(like)):
        n, at = last - o, 4 * o
        b_o = load(like, b + at, n)
        if M:
            M_o = real_load(like, M + at, n)
            for j in range(pixels):
                x = block_maximum(like, sums.at + j * step + at, sums, n)
                if left:
                    y = requantize_float(wide(x) + wide(b_o), M_o, Z, low, high)
                else:
                    y = requantize_float(x + b_o, M_o, Z, low, high)
                store_bytes(q + j * q_pixel + o, y, n)
            continue
        M0_o = load(like, M0 + at, n)
        if total:
            left_o, total_o = load(like, left + at, n), load(like, total + at, n)
            for j in range(pixels):
                x = shift_left(wide(block_maximum(like, sums.at + j * step + at, sums, n)) + wide(b_o), left_o)
                store_bytes(q + j * q_pixel + o, requantize_once(x, M0_o, total_o, Z, low, high), n)
            continue
        right_o = load(like, right + at, n)
        if left:
            left_o = load(like, left + at, n)
            for j in range(pixels):
                x = wide(block_maximum(like, sums.at + j * step + at, sums, n)) + wide(b_o)
                store_bytes(q + j * q_pixel + o, requantize_fixed(shift_left(x, left_o), M0_o, right_o, Z, low, high), n)
        else:
            for j in range(pixels):
                x = block_maximum(like, sums.at + j * step + at, sums, n) + b_o
                store_bytes(q + j * q_pixel + o, requantize_fixed(x, M0_o, right_o, Z, low, high), n)


@inner_kernel
def logits(like, sums, b, M, first, last, y, y_row, rows):
    """y[r, o] = (sums[r, o] + b[o]) · M[o] in float32, for first ≤ o < last; addresses, and strides in bytes."""
    for o in range(first, last, lanes(like)):
        n, at = last - o, 4 * o
        b_o, M_o = load(like, b + at, n), real_load(like, M + at, n)
        for r in range(rows):
            store(y + r * y_row + at, real(wide(load(like, sums.at + r * sums.pixel + at, n)) + wide(b_o)) * M_o, n)


@parallel_kernel
def run_stages_int8(stages, sums, n, threads):
    """`nnlite.kernels.run_stages` in integers: uint8 from buffer to buffer, float32 where the stage is the last, LOGITS."""
    for i in range(len(stages)):
        tasks, rows = tasks_of(stages, i, n, TILE_BYTES // 4, threads)
        share_out(task_of_stage_int8, tasks, threads, (stages, i, n, rows, sums))


@inner_kernel
def task_of_stage_int8(t, thread, stages, i, n, rows, sums):
    if stages[i].kind == CONVOLUTION:
        convolution_task_int8(stages, i, t, n, rows, sums[thread])
    else:
        linear_task_int8(stages, i, t, n, rows, sums[thread])


@njit(inline="always")
def convolution_task_int8(stages, i, t, n, rows, sums):
    """Rows t·rows to (t + 1)·rows of all the images' rows."""
    s = stages[i]
    g = Geometry(s.C, s.G, s.sh, s.sw, s.dh, s.dw, s.P, s.Q, s.K, NONE, NONE)
    like, w = sums.dtype, Weights(s.w, s.w_group, s.w_row)
    places = Sums(np.intp(sums.ctypes.data), 4 * s.channels, s.pool, s.sums_w)
    factors, to = Factors(s.b, s.M0, s.left, s.right, s.M, s.total), Range(s.Z, s.low, s.high)
    configure(like, s.sums_w, s.K, s.channels // s.G)
    for r in range(t * rows, min((t + 1) * rows, n * s.out_h)):
        image, row = r // s.out_h, r % s.out_h
        sum_rows(like, places, s.channels, s.x + image * s.x_image + row * s.pool * s.sh * s.x_row, s.x_row, w, g)
        requantize(like, places, factors, to, NONE, s.O, s.y + image * s.y_image + row * s.y_row, s.O, s.out_w)
    release(like)


@njit(inline="always")
def linear_task_int8(stages, i, t, n, rows, sums):
    """One panel of the results, as wide as a tile, or some rows of it; w in panels."""
    s, width = stages[i], TILE_BYTES // 4
    columns = (s.O + width - 1) // width
    panel, m = t % columns, t // columns * rows
    first, height, like = panel * width, min(rows, n - m), sums.dtype
    places = Sums(np.intp(sums.ctypes.data), 4 * s.channels, ONE, height)
    last = min(first + width, s.O)
    filled = (last - first + lanes(like) - 1) // lanes(like) * lanes(like)
    configure(like, height, s.K, filled)
    product(like, s.x + m * s.x_image, s.x_image, FOUR, s.K, s.w + panel * s.K * width * 4, width * 4,
            places.at + 4 * first, places.pixel, height, filled)
    release(like)
    if s.kind == LOGITS:
        logits(like, places, s.b, s.M, first, last, s.y + m * s.y_image, s.y_image, height)
    else:
        factors, to = Factors(s.b, s.M0, s.left, s.right, s.M, s.total), Range(s.Z, s.low, s.high)
        requantize(like, places, factors, to, first, last, s.y + m * s.y_image, s.O, height)
