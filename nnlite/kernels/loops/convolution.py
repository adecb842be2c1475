"""2-D convolution over images in (N, H, W, C) memory.

Letters: N images, C/O channels in/out, G groups, c = C/G, o = O/G, H W the *padded* image, H' W' the result, kh kw the
kernel, s stride, d dilation (vertical sh, dh, horizontal sw, dw). The weights lie as w (G, kh, kw, c, o).

    y[n, i, j, g·o + β] = b[g·o + β] + Σ_u Σ_v Σ_α  x[n, i·s + u·d, j·s + v·d, g·c + α] · w[g, u, v, α, β]

for n < N, i < H', j < W', g < G, β < o, summed over u < kh, v < kw, α < c. With one group g is 0 and β is the channel.

Source: Goodfellow, Bengio & Courville 2016, Deep Learning, eq. 9.6; sizes: Dumoulin & Visin 2016 (arXiv 1603.07285), chapter 2
and §5.1.
"""

from typing import NamedTuple

import numpy as np

from nnlite.kernels.machine.cache import njit


class Walk(NamedTuple):
    """How a kernel walks over an image; each is (vertical, horizontal): stride s, dilation d, and the padding of the image."""

    stride: tuple
    dilation: tuple
    padding: tuple = (0, 0)


def output_size(size, kernel, stride, dilation=1):
    """H' = ⌊(H − d(k − 1) − 1) / s⌋ + 1 for a padded size H."""
    return (size - dilation * (kernel - 1) - 1) // stride + 1


def conv2d_formula(x, w, walk):
    """y[n, i, j, g·o + β] = Σ_u Σ_v Σ_α x[n, i·s + u·d, j·s + v·d, g·c + α] · w[g, u, v, α, β]: the formula without b.

    x (N, H, W, C) padded, w (G, kh, kw, c, o) -> y (N, H', W', G·o).

    For one place (u, v) of the kernel every pixel of y meets its own pixel of x: one product of arrays does them all.
    """
    G, kh, kw, c, o = w.shape
    (sh, sw), (dh, dw) = walk.stride, walk.dilation
    out_h, out_w = output_size(x.shape[1], kh, sh, dh), output_size(x.shape[2], kw, sw, dw)
    y = np.zeros((x.shape[0], out_h, out_w, G, o), np.result_type(x, w))
    for g in range(G):
        for u in range(kh):
            for v in range(kw):
                pixels = x[:, u * dh : u * dh + out_h * sh : sh, v * dw : v * dw + out_w * sw : sw, g * c : (g + 1) * c]
                y[:, :, :, g] += np.tensordot(pixels[:, :out_h, :out_w], w[g, u, v], 1)
    return y.reshape(x.shape[0], out_h, out_w, G * o)


@njit(cache=True)
def conv2d(x, w, y, walk, b=None):
    """y[n, i, j, k] = b[k] + the sum of the formula above, one multiplication after the other.

    x (N, H, W, C), padded already; w (G, kh, kw, c, o); b (O,) or None; all of one float dtype. y (N, H', W', O).
    """
    (sh, sw), (dh, dw) = walk.stride, walk.dilation
    G, kh, kw, c, o = w.shape
    N, out_h, out_w, O = y.shape
    for n in range(N):
        for i in range(out_h):
            for j in range(out_w):
                for k in range(O):
                    y[n, i, j, k] = 0 if b is None else b[k]
                for g in range(G):
                    for u in range(kh):
                        for v in range(kw):
                            for α in range(c):
                                x_α = x[n, i * sh + u * dh, j * sw + v * dw, g * c + α]
                                for β in range(o):
                                    y[n, i, j, g * o + β] += x_α * w[g, u, v, α, β]
