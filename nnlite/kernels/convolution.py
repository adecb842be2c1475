"""2-D convolution over images in (N, H, W, C) memory, without im2col.

Letters: N images, C/O channels in/out, G groups, c = C/G, o = O/G, H W the *padded* image, H' W' the result, kh kw the
kernel, s stride, d dilation.

    y[n, i, j, g·o + β] = Σ_u Σ_v Σ_α  x[n, i·s + u·d, j·s + v·d, g·c + α] · w[g, u, v, α, β]

One kernel row of a patch, kw·C numbers, is one contiguous run of the image, and the patch of the pixel to the right is the
same run s·C numbers on. So a row of the result is a matrix product whose "matrix" is the image itself, read with strides.
"""

import numpy as np
from numba import njit, prange

from nnlite.kernels.strip import TILE_ROWS, strip
from nnlite.kernels.threads import use_threads


def conv2d_reference(x, w, stride, dilation):
    """The formula of this file. x (N, H, W, C) padded, w (G, kh, kw, c, o) -> y (N, H', W', G·o)."""
    G, kh, kw, c, o = w.shape
    (sh, sw), (dh, dw) = stride, dilation
    out_h, out_w = output_size(x.shape[1], kh, sh, dh), output_size(x.shape[2], kw, sw, dw)
    y = np.zeros((x.shape[0], out_h, out_w, G, o), np.result_type(x, w))
    for g in range(G):
        for u in range(kh):
            for v in range(kw):
                patch = x[:, u * dh : u * dh + out_h * sh : sh, v * dw : v * dw + out_w * sw : sw, g * c : (g + 1) * c]
                y[:, :, :, g] += np.tensordot(patch[:, :out_h, :out_w], w[g, u, v], 1)
    return y.reshape(x.shape[0], out_h, out_w, G * o)


def output_size(size, kernel, stride, dilation=1):
    """⌊(H − d(k − 1) − 1) / s⌋ + 1 for a padded size H."""
    return (size - dilation * (kernel - 1) - 1) // stride + 1


def runs(w_shape, dilation):
    """(P, Q, L): the kernel as P·Q contiguous runs of L numbers of the image: whole kernel rows where nothing lies between."""
    G, kh, kw, c, _ = w_shape
    if G == 1 and dilation[1] == 1:
        return kh, 1, kw * c
    return kh, kw, c


def conv2d(x, w, y, stride, dilation, b=None):
    """y = conv(x, w) + b:  x (N, H, W, C) padded, w (G, kh, kw, c, o), b (O,) or None, of one float dtype and C-contiguous.

    y (N, H', W', O) is filled.
    """
    P, Q, L = runs(w.shape, dilation)
    if y.size:
        use_threads(y.size * P * Q * L)
        b = np.empty(0, y.dtype) if b is None else b
        _conv2d(x, w.reshape(w.shape[0], -1, w.shape[4]), b, y, *stride, *dilation, P, Q, L)


@njit(cache=True, parallel=True)
def _conv2d(x, w, b, y, sh, sw, dh, dw, P, Q, L):
    N, H, W, C = x.shape
    _, out_h, out_w, O = y.shape
    G, KC, o = w.shape
    size = y.itemsize
    like, x_data, w_data, y_data = y.reshape(-1), x.ctypes.data, w.ctypes.data, y.ctypes.data
    for t in prange(N * out_h):
        n, i = t // out_h, t % out_h
        a = x_data + (n * H + i * sh) * W * C * size
        for g in range(G):
            strip(like, a + g * (C // G) * size, sw * C * size, dh * W * C * size, P, dw * C * size, Q, size, L,
                  w_data + g * KC * o * size, o * size, y_data + (t * out_w * O + g * o) * size, O * size, out_w, o)
        if b.size:
            for j in range(out_w):  # while the row is still in the cache
                for β in range(O):
                    y[n, i, j, β] += b[β]


def conv2d_weight_gradient(x, dy, dw, stride, dilation):
    """dw[g, u, v, α, β] = Σ_n Σ_i Σ_j x[n, i·s + u·d, j·s + v·d, g·c + α] · dy[n, i, j, g·o + β]; dw is filled.

    For one (u, v) this is xᵀ dy over all pixels: the tile's rows are α, its sum runs over n, i, j.
    """
    P, Q, L = runs(dw.shape, dilation)
    if dw.size:
        use_threads(dy.size * P * Q * L)
        _conv2d_weight_gradient(x, dy, dw.reshape(dw.shape[0], P, Q, L, dw.shape[4]), *stride, *dilation)


@njit(cache=True, parallel=True)
def _conv2d_weight_gradient(x, dy, dw, sh, sw, dh, dw_):
    N, H, W, C = x.shape
    _, out_h, out_w, O = dy.shape
    G, P, Q, L, o = dw.shape
    size = x.itemsize
    like, x_data, dy_data, dw_data = dw.reshape(-1), x.ctypes.data, dy.ctypes.data, dw.ctypes.data
    blocks = (L + TILE_ROWS - 1) // TILE_ROWS
    for t in prange(G * P * Q * blocks):
        pq = t // blocks
        g, p, q = pq // (P * Q), pq // Q % P, pq % Q
        m = max(0, min(t % blocks * TILE_ROWS, L - TILE_ROWS))
        a = x_data + ((p * dh * W + q * dw_) * C + g * (C // G) + m) * size
        strip(like, a, size, H * W * C * size, N, sh * W * C * size, out_h, sw * C * size, out_w,
              dy_data + g * o * size, O * size, dw_data + (pq * L + m) * o * size, o * size, min(TILE_ROWS, L), o)


def conv2d_input_gradient(dy, w, dx, stride, dilation):
    """dx = the gradient of the padded image; dx (N, H, W, C) is filled.

    Every pixel of dy was made from a patch of x, so every pixel of x collects a patch of dy: a convolution of dy, spread
    out to the stride and bordered by d(k − 1) zeros, with the kernel turned by 180° and its channels exchanged.
    """
    N, H, W, C = dx.shape
    G, kh, kw, c, o = w.shape
    (sh, sw), (dh, dw) = stride, dilation
    _, out_h, out_w, O = dy.shape
    spread = np.zeros((N, H + dh * (kh - 1), W + dw * (kw - 1), O), dy.dtype)
    top, left = dh * (kh - 1), dw * (kw - 1)
    spread[:, top : top + out_h * sh : sh, left : left + out_w * sw : sw][:, :out_h, :out_w] = dy
    turned = np.ascontiguousarray(w[:, ::-1, ::-1].transpose(0, 1, 2, 4, 3))
    conv2d(spread, turned, dx, (1, 1), dilation)


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


@njit(cache=True, parallel=True)
def _conv2d_int8(x, packed, y, sh, sw, dh, dw, P, Q, L4):
    N, H, W, C = x.shape
    _, out_h, out_w, O = y.shape
    G, K4, o, _ = packed.shape
    like, x_data, w_data, y_data = y.reshape(-1), x.ctypes.data, packed.ctypes.data, y.ctypes.data
    for t in prange(N * out_h):
        n, i = t // out_h, t % out_h
        a = x_data + (n * H + i * sh) * W * C
        for g in range(G):
            strip(like, a + g * (C // G), sw * C, dh * W * C, P, dw * C, Q, 4, L4, w_data + g * K4 * o * 4, o * 4,
                  y_data + (t * out_w * O + g * o) * 4, O * 4, out_w, o)
