"""Convolution of uint8 images with int8 weights, summed exactly in int32: the formula of `convolution` in integers."""

import numpy as np
from numba import prange

from nnlite.kernels.convolution import runs
from nnlite.kernels.strip import configure, release, strip
from nnlite.kernels.threads import parallel_kernel, use_threads


def pack_conv_int8(w, dilation):
    """w (G, kh, kw, c, o) int8 -> (G, P·Q·⌈L/4⌉, o, 4): each run of the kernel filled up with zeros to a multiple of 4."""
    P, Q, L = runs(w.shape, dilation)
    G, o = w.shape[0], w.shape[4]
    packed = np.zeros((G, P * Q, -(-L // 4) * 4, o), np.int8)
    packed[:, :, :L] = w.reshape(G, P * Q, L, o)
    return np.ascontiguousarray(packed.reshape(G, -1, 4, o).transpose(0, 1, 3, 2))


def conv2d_int8(x, packed, y, kernel, stride, dilation):
    """x (N, H, W, C) uint8, padded, followed by at least 3 more bytes in its buffer; packed = pack_conv_int8(w, dilation).

    y (N, H', W', O) int32 is filled: exact sums. The bytes past a run are multiplied by the zeros of the packing.
    """
    P, Q, L = runs((packed.shape[0], *kernel, x.shape[3] // packed.shape[0], 0), dilation)
    if y.size:
        use_threads(y.size * P * Q * L // 4)
        _conv2d_int8(x, packed, y, *stride, *dilation, P, Q, -(-L // 4))


@parallel_kernel
def _conv2d_int8(x, packed, y, sh, sw, dh, dw, P, Q, L4):
    N, H, W, C = x.shape
    _, out_h, out_w, O = y.shape
    G, K4, o, _ = packed.shape
    like, x_data, w_data, y_data = y.reshape(-1), x.ctypes.data, packed.ctypes.data, y.ctypes.data
    for t in prange(N * out_h):
        n, i = t // out_h, t % out_h
        configure(like, out_w, L4, o)
        a = x_data + (n * H + i * sh) * W * C
        for g in range(G):
            strip(like, a + g * (C // G), sw * C, dh * W * C, P, dw * C, Q, 4, L4, w_data + g * K4 * o * 4,
                  Q * L4 * o * 4, L4 * o * 4, o * 4, y_data + (t * out_w * O + g * o) * 4, O * 4, out_w, o)
        release(like)
