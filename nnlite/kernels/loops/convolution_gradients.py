"""The three gradients of a convolution.

Letters and the forward formula as in `convolution`; dy (N, H', W', O) is the gradient of y. In

    y[n, i, j, g·o + β] = b[g·o + β] + Σ_u Σ_v Σ_α x[n, r, t, g·c + α] · w[g, u, v, α, β]

with the place r = i·s + u·d, t = j·s + v·d of the padded image, each term is a product of one x and one w. The derivative with
respect to one factor is the other factor, and what a number feeds into several sums adds up:

    db[k] = Σ_n Σ_i Σ_j dy[n, i, j, k]
    dw[g, u, v, α, β] = Σ_n Σ_i Σ_j x[n, i·s + u·d, j·s + v·d, g·c + α] · dy[n, i, j, g·o + β]
    dx[n, r, t, g·c + α] = Σ dy[n, i, j, g·o + β] · w[g, u, v, α, β]    over all i, j, u, v, β with i·s + u·d = r, j·s + v·d = t

The sum for dx looks for the pixels of y that x[r, t] has fed. The loops below go the other way round: each pixel of dy gives
its share to every pixel of x that it was made from. Both add the same products.

Source: Goodfellow, Bengio & Courville 2016, Deep Learning, eq. 9.11 and 9.13.
"""

import numpy as np

from nnlite.kernels.machine.cache import njit


def conv2d_gradients_formula(x, w, dy, walk):
    """(dx, dw, db) = the three sums above, dx still with the padding: one product of arrays for each place of the kernel."""
    G, kh, kw, c, o = w.shape
    (sh, sw), (dh, dw_) = walk.stride, walk.dilation
    N, out_h, out_w, O = dy.shape
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for g in range(G):
        dy_g = dy[:, :, :, g * o : (g + 1) * o]
        for u in range(kh):
            for v in range(kw):
                rows = slice(u * dh, u * dh + (out_h - 1) * sh + 1, sh)
                columns = slice(v * dw_, v * dw_ + (out_w - 1) * sw + 1, sw)
                channels = slice(g * c, (g + 1) * c)
                dw[g, u, v] = np.tensordot(x[:, rows, columns, channels], dy_g, ([0, 1, 2], [0, 1, 2]))
                dx[:, rows, columns, channels] += dy_g @ w[g, u, v].T
    return dx, dw, dy.sum(axis=(0, 1, 2))


def conv2d_gradients(x, w, dy, dx, dw, db, walk):
    """Fill dw (w's shape), db (O,), and dx (N, H − 2·top, W − 2·left, C), the gradient of the image inside the padding.

    x (N, H, W, C), padded by walk.padding = (top, left); w (G, kh, kw, c, o); dy (N, H', W', O); all of one float dtype.
    dx may be None: then it is not wanted.
    """
    bias_gradient(dy, db)
    weight_gradient(x, dy, dw, walk)
    if dx is not None:
        input_gradient(dy, w, dx, walk)


@njit(cache=True)
def bias_gradient(dy, db):
    """db[k] = Σ_n Σ_i Σ_j dy[n, i, j, k]"""
    N, out_h, out_w, O = dy.shape
    db[:] = 0
    for n in range(N):
        for i in range(out_h):
            for j in range(out_w):
                for k in range(O):
                    db[k] += dy[n, i, j, k]


@njit(cache=True)
def weight_gradient(x, dy, dw, walk):
    """dw[g, u, v, α, β] = Σ_n Σ_i Σ_j x[n, i·s + u·d, j·s + v·d, g·c + α] · dy[n, i, j, g·o + β]"""
    (sh, sw), (dh, dw_) = walk.stride, walk.dilation
    G, kh, kw, c, o = dw.shape
    N, out_h, out_w, _ = dy.shape
    dw[:] = 0
    for n in range(N):
        for i in range(out_h):
            for j in range(out_w):
                for g in range(G):
                    for u in range(kh):
                        for v in range(kw):
                            for α in range(c):
                                x_α = x[n, i * sh + u * dh, j * sw + v * dw_, g * c + α]
                                for β in range(o):
                                    dw[g, u, v, α, β] += x_α * dy[n, i, j, g * o + β]


@njit(cache=True)
def input_gradient(dy, w, dx, walk):
    """dx[n, i·s + u·d − top, j·s + v·d − left, g·c + α] += Σ_β dy[n, i, j, g·o + β] · w[g, u, v, α, β]

    from zeros on, for all n, i, j, g, u, v, α. What falls on the padding is nobody's gradient.
    """
    (sh, sw), (dh, dw_), (top, left) = walk.stride, walk.dilation, walk.padding
    G, kh, kw, c, o = w.shape
    N, out_h, out_w, _ = dy.shape
    _, H, W, _ = dx.shape
    dx[:] = 0
    for n in range(N):
        for i in range(out_h):
            for j in range(out_w):
                for g in range(G):
                    for u in range(kh):
                        for v in range(kw):
                            r, t = i * sh + u * dh - top, j * sw + v * dw_ - left
                            if 0 <= r < H and 0 <= t < W:
                                for α in range(c):
                                    for β in range(o):
                                        dx[n, r, t, g * c + α] += dy[n, i, j, g * o + β] * w[g, u, v, α, β]
