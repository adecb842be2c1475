"""Convolution of uint8 images with int8 weights, summed exactly in int32.

Letters and formula as in `convolution`, without b.

Source: Jacob et al. 2018 (arXiv 1712.05877), §2.2 and §2.3.
"""

from typing import NamedTuple

import numpy as np

from nnlite.kernels.machine.cache import njit


class PackedConvInt8(NamedTuple):
    """Weights w (G, kh, kw, c, o) int8 as `conv2d_int8` reads them: here w itself; shape: that of w."""

    numbers: np.ndarray
    shape: tuple


def pack_conv_int8(w, dilation):
    """w (G, kh, kw, c, o) int8 -> PackedConvInt8. dilation: (vertical, horizontal), of which only `fast` makes use."""
    return PackedConvInt8(np.ascontiguousarray(w), w.shape)


@njit(cache=True)
def conv2d_int8(x, packed, y, walk):
    """y[n, i, j, g·o + β] = Σ_u Σ_v Σ_α  x[n, i·s + u·d, j·s + v·d, g·c + α] · w[g, u, v, α, β], exact.

    x (N, H, W, C) uint8, padded already (`fast` reads up to 3 bytes past its end, so x has to be followed by them);
    packed = pack_conv_int8(w, walk.dilation); y (N, H', W', O) int32 is filled.
    """
    w, (sh, sw), (dh, dw) = packed.numbers, walk.stride, walk.dilation
    G, kh, kw, c, o = w.shape
    N, out_h, out_w, O = y.shape
    for n in range(N):
        for i in range(out_h):
            for j in range(out_w):
                for k in range(O):
                    y[n, i, j, k] = 0
                for g in range(G):
                    for u in range(kh):
                        for v in range(kw):
                            for α in range(c):
                                x_α = np.int32(x[n, i * sh + u * dh, j * sw + v * dw, g * c + α])
                                for β in range(o):
                                    y[n, i, j, g * o + β] += x_α * np.int32(w[g, u, v, α, β])
