"""The steps of int8 inference that are not products, in threads, a register of channels at a time: up to 8 times as fast.

The bits are those of `loops/int8_steps.py`, which has the letters and formulas.
"""

import numpy as np

from nnlite.kernels.fast.convolution import Sums
from nnlite.kernels.fast.int8_stages import requantize
from nnlite.kernels.fast.requantize import Factors, Range, add_fixed, add_float, add_once
from nnlite.kernels.loops.int8_steps import quantize_number
from nnlite.kernels.loops.requantize import Law
from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.memory import address
from nnlite.kernels.machine.sharing import share_out
from nnlite.kernels.machine.threads import MOVE, parallel_kernel, threads_for
from nnlite.kernels.simd.strip import NONE, ONE
from nnlite.kernels.simd.vector import lanes, load_bytes, store_bytes

ROWS = 64  # that a task requantizes or adds


def quantize_rows(x, S, Z, q):
    """q[r, o] = clamp(round(x[r, o] / S) + Z, 0, 255):  x (R, O) float32 -> q (R, O) uint8."""
    _quantize_rows(x, S, Z, q, threads_for(2 * MOVE * x.size))


@parallel_kernel
def _quantize_rows(x, S, Z, q, threads):
    share_out(quantize_row, len(x), threads, (x, S, Z, q))


@inner_kernel
def quantize_row(r, thread, x, S, Z, q):
    for o in range(x.shape[1]):
        q[r, o] = quantize_number(x[r, o], S, Z)


def requantize_rows(acc, b, law, Z, low, high, q):
    """q[r, o] = clamp(Z + M[o] · (acc[r, o] + b[o]), low, high):  acc (R, O) int32, b (O,) int32, law: Law -> q uint8."""
    _requantize_rows(acc, b, tuple(law), (Z, low, high), q, threads_for(2 * MOVE * q.size))


@parallel_kernel
def _requantize_rows(acc, b, law, to, q, threads):
    M0, left, right, M, total = law
    factors = Factors(address(b), address(M0), address(left), address(right), address(M), address(total))
    share_out(requantize_block, (len(acc) + ROWS - 1) // ROWS, threads, (acc, factors, Range(*to), q))


@inner_kernel
def requantize_block(t, thread, acc, factors, to, q):
    (R, O), r = acc.shape, ROWS * t
    height = min(ROWS, R - r)
    sums = Sums(np.intp(acc.ctypes.data) + 4 * r * O, 4 * O, ONE, height)
    requantize(acc.dtype, sums, factors, to, NONE, O, np.intp(q.ctypes.data) + r * O, O, height)


def add_activations(x, y, Z1, Z2, law, Z3, low, high, q):
    """q = the sum of two activations:  x, y (R, O) uint8 -> q (R, O) uint8.   law: M0, and right or total (3,); or M (2,)."""
    _add_activations(x, y, Z1, Z2, tuple(law), (Z3, low, high), q, threads_for(4 * MOVE * q.size))


@parallel_kernel
def _add_activations(x, y, Z1, Z2, law, to, q, threads):
    share_out(add_block, (len(x) + ROWS - 1) // ROWS, threads, (x, y, Z1, Z2, Law(*law), Range(*to), q))


@inner_kernel
def add_block(t, thread, x, y, Z1, Z2, law, to, q):
    Z3, low, high = to
    (R, O), like = x.shape, law.M0.dtype
    for r in range(ROWS * t, min(R, ROWS * (t + 1))):
        for o in range(0, O, lanes(like)):
            at, n = r * O + o, O - o
            q1, q2 = load_bytes(like, x.ctypes.data + at, n), load_bytes(like, y.ctypes.data + at, n)
            if law.M.size:
                store_bytes(q.ctypes.data + at, add_float(q1, q2, Z1, Z2, law.M[0], law.M[1], Z3, low, high), n)
            elif law.total.size:
                store_bytes(q.ctypes.data + at, add_once(q1, q2, Z1, Z2, law.M0, law.total, Z3, low, high), n)
            else:
                store_bytes(q.ctypes.data + at, add_fixed(q1, q2, Z1, Z2, law.M0, law.right, Z3, low, high), n)


def sum_pool2d(x, Z, window, acc):
    """acc[n, i, j, c] = Σ over the window, inside the image, of x − Z:  x (N, H, W, C) uint8 -> acc (N, H', W', C) int32."""
    _sum_pool2d(x, Z, tuple(window), acc, threads_for(MOVE * x.size))


@parallel_kernel
def _sum_pool2d(x, Z, window, acc, threads):
    share_out(sum_pool_row, len(acc) * acc.shape[1], threads, (x, Z, window, acc))


@inner_kernel
def sum_pool_row(t, thread, x, Z, window, acc):
    kh, kw, sh, sw, ph, pw = window
    (_, H, W, C), (_, out_h, out_w, _) = x.shape, acc.shape
    n, i = t // out_h, t % out_h
    for j in range(out_w):
        for c in range(C):
            acc[n, i, j, c] = 0
        for u in range(max(0, ph - i * sh), min(kh, H + ph - i * sh)):
            for v in range(max(0, pw - j * sw), min(kw, W + pw - j * sw)):
                for c in range(C):
                    acc[n, i, j, c] += np.int32(x[n, i * sh + u - ph, j * sw + v - pw, c]) - Z
