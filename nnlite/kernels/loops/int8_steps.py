"""The steps of int8 inference that are not products: quantize the input, requantize the sums, add two activations, pool.

Letters: R rows, O channels (the last axis), S scale, Z zero point, [low, high] the range of the result; r < R, o < O. Each
kernel fills its last array. The law says how integers are multiplied by a real factor, see `requantize`.

Source: Jacob et al. 2018 (arXiv 1712.05877), eq. 1, 4 and 5, §2.4 and appendix A.2.
"""

import numpy as np

from nnlite.kernels.loops.pooling import inside
from nnlite.kernels.loops.requantize import (
    add_fixed,
    add_float,
    add_once,
    requantize_fixed,
    requantize_float,
    requantize_once,
    shift_left,
)
from nnlite.kernels.machine.cache import njit


@njit(cache=True)
def quantize_number(x, S, Z):
    """q = clamp(round(x / S) + Z, 0, 255) of one float32, halves to even. It is clamped before the cast, which would wrap."""
    return np.uint8(min(max(np.rint(x / S) + np.float32(Z), np.float32(0)), np.float32(255)))


@njit(cache=True)
def quantize_rows(x, S, Z, q):
    """q[r, o] = clamp(round(x[r, o] / S) + Z, 0, 255):  x (R, O) float32, S float32 -> q (R, O) uint8."""
    R, O = x.shape
    for r in range(R):
        for o in range(O):
            q[r, o] = quantize_number(x[r, o], S, Z)


@njit(cache=True)
def requantize_rows(acc, b, law, Z, low, high, q):
    """q[r, o] = clamp(Z + M[o] · (acc[r, o] + b[o]), low, high):  acc (R, O) int32, b (O,) int32, law a Law -> q (R, O) uint8.

    acc + b may be beyond int32, so it is computed in int64. The law is "float" if it has M, "once" if it has
    total, else "fixed". If `left` is empty, nothing is shifted left.
    """
    R, O = acc.shape
    for r in range(R):
        for o in range(O):
            x = np.int64(acc[r, o]) + np.int64(b[o])
            if law.M.size:
                q[r, o] = requantize_float(x, law.M[o], Z, low, high)
            else:
                x = shift_left(x, law.left[o] if law.left.size else np.int32(0))
                if law.total.size:
                    q[r, o] = requantize_once(x, law.M0[o], law.total[o], Z, low, high)
                else:
                    q[r, o] = requantize_fixed(x, law.M0[o], law.right[o], Z, low, high)


@njit(cache=True)
def add_activations(x, y, Z1, Z2, law, Z3, low, high, q):
    """q[r, o] = clamp(Z3 + S1/S3 (x[r, o] − Z1) + S2/S3 (y[r, o] − Z2), low, high):  x, y (R, O) uint8 -> q (R, O) uint8.

    law: M (2,) holds S1/S3 and S2/S3, or M0 and right (3,) the three factors of `add_fixed`, M0 and total those of `add_once`.
    """
    R, O = x.shape
    for r in range(R):
        for o in range(O):
            if law.M.size:
                q[r, o] = add_float(x[r, o], y[r, o], Z1, Z2, law.M[0], law.M[1], Z3, low, high)
            elif law.total.size:
                q[r, o] = add_once(x[r, o], y[r, o], Z1, Z2, law.M0, law.total, Z3, low, high)
            else:
                q[r, o] = add_fixed(x[r, o], y[r, o], Z1, Z2, law.M0, law.right, Z3, low, high)


@njit(cache=True)
def sum_pool2d(x, Z, window, acc):
    """acc[n, i, j, c] = Σ over the window, inside the image, of x − Z:  x (N, H, W, C) uint8 -> acc (N, H', W', C) int32.

    Letters as in `pooling`. Places outside the image count as the real 0, which is Z in integers: x − Z is 0 there.
    """
    kh, kw, sh, sw, ph, pw = window
    (_, H, W, _), (N, out_h, out_w, C) = x.shape, acc.shape
    for n in range(N):
        for i in range(out_h):
            for j in range(out_w):
                (u0, u1), (v0, v1) = inside(i, kh, sh, ph, H), inside(j, kw, sw, pw, W)
                for c in range(C):
                    total = np.int32(0)
                    for u in range(u0, u1):
                        for v in range(v0, v1):
                            total += np.int32(x[n, i * sh + u - ph, j * sw + v - pw, c]) - np.int32(Z)
                    acc[n, i, j, c] = total
