"""The three gradients of a convolution.

Letters and the forward formula are those of `convolution`; dy (N, H', W', O) is the gradient of y. In

    y[n, i, j, g·o + β] = b[g·o + β] + Σ_u Σ_v Σ_α x[n, r, t, g·c + α] · w[g, u, v, α, β]

r = i·s + u·d and t = j·s + v·d are a place of the padded image. Each term is a product of one x and one w. Its derivative with
respect to one factor is the other factor. A number that is a factor in several terms gets the sum of their derivatives:

    db[k] = Σ_n Σ_i Σ_j dy[n, i, j, k]
    dw[g, u, v, α, β] = Σ_n Σ_i Σ_j x[n, i·s + u·d, j·s + v·d, g·c + α] · dy[n, i, j, g·o + β]
    dx[n, r, t, g·c + α] = Σ dy[n, i, j, g·o + β] · w[g, u, v, α, β]    over all i, j, u, v, β with i·s + u·d = r, j·s + v·d = t

The formula for dx collects: for one x[r, t] it adds the products of all pixels of y that were computed from it. The loops
below distribute: they multiply each pixel of dy by w and add it to all pixels of dx that it was computed from. Both add the
same products.

In the code sh and sw are the vertical and horizontal stride s, dilation_h and dilation_w the dilations d.

Source: Goodfellow, Bengio & Courville 2016, Deep Learning, eq. 9.11 and 9.13.
"""

import numpy as np

from nnlite.kernels.machine.cache import njit


def conv2d_gradients_formula(x, w, dy, walk):
    """(dx, dw, db) = the three sums above, dx still with the padding: one product of arrays for each place of the kernel."""
    G, kh, kw, c, o = w.shape
    (sh, sw), (dilation_h, dilation_w) = walk.stride, walk.dilation
    N, out_h, out_w, O = dy.shape
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for g in range(G):
        dy_g = dy[:, :, :, g * o : (g + 1) * o]
        for u in range(kh):
            for v in range(kw):
                rows = slice(u * dilation_h, u * dilation_h + (out_h - 1) * sh + 1, sh)
                columns = slice(v * dilation_w, v * dilation_w + (out_w - 1) * sw + 1, sw)
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
    (sh, sw), (dilation_h, dilation_w) = walk.stride, walk.dilation
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
                                x_α = x[n, i * sh + u * dilation_h, j * sw + v * dilation_w, g * c + α]
                                for β in range(o):
                                    dw[g, u, v, α, β] += x_α * dy[n, i, j, g * o + β]


@njit(cache=True)
def input_gradient(dy, w, dx, walk):
    """dx[n, i·s + u·d − top, j·s + v·d − left, g·c + α] += Σ_β dy[n, i, j, g·o + β] · w[g, u, v, α, β]

    for all n, i, j, g, u, v, α; dx starts with zeros. Places outside the image belong to the padding: they have no gradient.
    """
    (sh, sw), (dilation_h, dilation_w), (top, left) = walk.stride, walk.dilation, walk.padding
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
                            r, t = i * sh + u * dilation_h - top, j * sw + v * dilation_w - left
                            if 0 <= r < H and 0 <= t < W:
                                for α in range(c):
                                    for β in range(o):
                                        dx[n, r, t, g * c + α] += dy[n, i, j, g * o + β] * w[g, u, v, α, β]
