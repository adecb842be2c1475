"""The transposed convolution, which makes small images large, and its gradients, as loops.

Letters: N images, C/O channels in/out, H W the image, H' W' the result, kh kw the kernel, s stride, d dilation. Images lie as
(N, H, W, C), the weights as w (kh, kw, C, O); stride and dilation are (vertical, horizontal). Each pixel of x paints a scaled
copy of the kernel into y, and where copies overlap they add up:

    y[n, i·s + u·d, j·s + v·d, o] += Σ_c x[n, i, j, c] w[u, v, c, o]    for all n, i, j, u, v, o, beginning with y = b

Source: Dumoulin & Visin 2016 (arXiv 1603.07285), section 4; PyTorch's `torch.nn.functional.conv_transpose2d`.
"""

import numpy as np


def transposed_size(size, kernel, stride, dilation=1):
    """H' = (H − 1) s + d (k − 1) + 1: the smallest size that holds every copy of the kernel. 0 for H = 0."""
    return (size - 1) * stride + dilation * (kernel - 1) + 1 if size else 0


def conv_transpose2d(x, w, b, stride, dilation):
    """The formula at the top of this file, as loops.

    x (N, H, W, C), w (kh, kw, C, O) floats, b (O,) or None, which means 0 -> a new y (N, H', W', O), sizes by
    `transposed_size`. Pixels of y that no copy reaches are b.
    Errors: ValueError where x and w differ in C.
    """
    if x.shape[3] != w.shape[2]:
        raise ValueError(f"conv_transpose2d: x has {x.shape[3]} channels, w {w.shape} expects {w.shape[2]}")
    (N, H, W, C), (kh, kw, _, O) = x.shape, w.shape
    (sh, sw), (dh, dw) = stride, dilation
    y = np.zeros((N, transposed_size(H, kh, sh, dh), transposed_size(W, kw, sw, dw), O), x.dtype)
    if b is not None:
        y += b
    for n in range(N):
        for i in range(H):
            for j in range(W):
                for u in range(kh):
                    for v in range(kw):
                        for c in range(C):
                            for o in range(O):
                                y[n, i * sh + u * dh, j * sw + v * dw, o] += x[n, i, j, c] * w[u, v, c, o]
    return y


def transposed_input_gradient(dy, w, stride, dilation, size):
    """dx, where dy (N, H', W', O) is the gradient of y: each number of x collects from all places that it painted.

    size: (H, W) -> a new dx (N, H, W, C). It is an ordinary convolution of dy.
    """
    (kh, kw, C, O), (H, W), N = w.shape, size, len(dy)
    (sh, sw), (dh, dw) = stride, dilation
    dx = np.zeros((N, H, W, C), dy.dtype)
    for n in range(N):
        for i in range(H):
            for j in range(W):
                for u in range(kh):
                    for v in range(kw):
                        for c in range(C):
                            for o in range(O):
                                dx[n, i, j, c] += dy[n, i * sh + u * dh, j * sw + v * dw, o] * w[u, v, c, o]
    return dx


def transposed_weight_gradient(x, dy, stride, dilation, kernel):
    """dw, where dy (N, H', W', O) is the gradient of y: each weight collects over all images and pixels.

    kernel: (kh, kw) -> a new dw (kh, kw, C, O)
    """
    (N, H, W, C), (kh, kw), O = x.shape, kernel, dy.shape[3]
    (sh, sw), (dh, dw_) = stride, dilation
    dw = np.zeros((kh, kw, C, O), x.dtype)
    for n in range(N):
        for i in range(H):
            for j in range(W):
                for u in range(kh):
                    for v in range(kw):
                        for c in range(C):
                            for o in range(O):
                                dw[u, v, c, o] += x[n, i, j, c] * dy[n, i * sh + u * dh, j * sw + v * dw_, o]
    return dw


def transposed_bias_gradient(dy):
    """db[o], where dy (N, H', W', O) is the gradient of y: b is in every pixel of every image -> a new db (O,)"""
    db = np.zeros(dy.shape[3], dy.dtype)
    for n in range(dy.shape[0]):
        for r in range(dy.shape[1]):
            for t in range(dy.shape[2]):
                for o in range(dy.shape[3]):
                    db[o] += dy[n, r, t, o]
    return db
