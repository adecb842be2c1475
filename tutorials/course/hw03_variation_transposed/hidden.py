"""The tests that only the grader has."""

import numpy as np
from checking import refuses, same

CASES = (((1, 1), (1, 1), (2, 3)), ((2, 2), (1, 1), (3, 2)), ((1, 3), (2, 1), (2, 2)), ((2, 1), (3, 2), (1, 3)))


def painted(x, w, b, stride, dilation):
    """y by copies: one outer product for each pixel of x."""
    (N, H, W, _), (kh, kw, _, O) = x.shape, w.shape
    size = [(n - 1) * s + d * (k - 1) + 1 for n, k, s, d in zip((H, W), (kh, kw), stride, dilation, strict=True)]
    y = np.zeros((N, *size, O)) + b
    for i, j in np.ndindex(H, W):
        rows, columns = i * stride[0] + dilation[0] * np.arange(kh), j * stride[1] + dilation[1] * np.arange(kw)
        y[:, rows[:, None], columns] += np.einsum("nc,uvco->nuvo", x[:, i, j], w)
    return y


def slope(array, f):
    """The exact slope of a linear f at each number of an array."""
    found = np.empty(array.shape)
    for at in np.ndindex(array.shape):
        unit = np.zeros(array.shape)
        unit[at] = 1.0
        found[at] = f(unit)
    return found


def forward(conv, rng):
    for stride, dilation, kernel in CASES:
        x, w, b = rng.normal(size=(2, 3, 4, 2)), rng.normal(size=(*kernel, 2, 3)), rng.normal(size=3)
        same(conv.conv_transpose2d(x, w, b, stride, dilation), painted(x, w, b, stride, dilation), within=1e-12)


def slopes(x, w, dy, stride, dilation):
    """(dx, dw) of Σ dy·y, which is linear in x and in w."""
    return (slope(x, lambda e: (painted(e, w, 0, stride, dilation) * dy).sum()),
            slope(w, lambda e: (painted(x, e, 0, stride, dilation) * dy).sum()))


def gradient_of_the_input(conv, rng):
    for stride, dilation, kernel in CASES:
        x, w = np.zeros((2, 2, 3, 2)), rng.normal(size=(*kernel, 2, 3))
        dy = rng.normal(size=painted(x, w, 0, stride, dilation).shape)
        got = conv.transposed_input_gradient(dy, w, stride, dilation, (2, 3))
        same(got, slopes(x, w, dy, stride, dilation)[0], within=1e-12)


def gradient_of_the_weights(conv, rng):
    for stride, dilation, kernel in CASES:
        x, w = rng.normal(size=(2, 3, 2, 2)), np.zeros((*kernel, 2, 3))
        dy = rng.normal(size=painted(x, w, 0, stride, dilation).shape)
        got = conv.transposed_weight_gradient(x, dy, stride, dilation, kernel)
        same(got, slopes(x, w, dy, stride, dilation)[1], within=1e-11)
        same(conv.transposed_bias_gradient(dy), [dy[..., o].sum() for o in range(3)], within=1e-12)


def edges(conv, rng):
    x, w = np.ones((1, 2, 2, 1)), np.ones((1, 1, 1, 2))
    y = conv.conv_transpose2d(x, w, np.array([5.0, 6.0]), (3, 3), (1, 1))     # between the copies there is b alone
    same(y.shape, (1, 4, 4, 2))
    same(y[0, 1], [[5, 6]] * 4)
    same(y[0, 0], [[6, 7], [5, 6], [5, 6], [6, 7]])
    x, w = np.zeros((0, 3, 3, 2)), rng.normal(size=(2, 2, 2, 1))
    same(conv.conv_transpose2d(x, w, None, (1, 1), (1, 1)), np.zeros((0, 4, 4, 1)))
    dy = np.zeros((0, 4, 4, 1))
    same(conv.transposed_weight_gradient(x, dy, (1, 1), (1, 1), (2, 2)), np.zeros((2, 2, 2, 1)))
    same(conv.transposed_bias_gradient(dy), [0])
    refuses(conv.conv_transpose2d, np.ones((1, 2, 2, 3)), w, None, (1, 1), (1, 1))
