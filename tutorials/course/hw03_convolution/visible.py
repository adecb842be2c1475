"""The tests that students have. conv: scenarios.py, or the grader's link to it. Numbers that are compared are written down
by hand, or computed one dot product after the other."""

import numpy as np
from checking import same, stored


def one_pixel(x, w, i, j, stride, dilation):
    """y[:, i, j] of a convolution with one group: the patch that the kernel sees, times the kernel."""
    _, kh, kw, _, _ = w.shape
    rows, columns = i * stride[0] + dilation[0] * np.arange(kh), j * stride[1] + dilation[1] * np.arange(kw)
    return np.einsum("nuvc,uvco->no", x[:, rows][:, :, columns], w[0])


def expected(x, w, size, stride=(1, 1), dilation=(1, 1)):
    y = np.empty((len(x), *size, w.shape[4]))
    for i, j in np.ndindex(*size):
        y[:, i, j] = one_pixel(x, w, i, j, stride, dilation)
    return y


def slopes(x, w, dy, **how):
    """(dx, dw) of Σ dy·y. y is linear in x and in w, so the difference for a whole step of 1 is the exact slope."""
    def total(x, w):
        return (dy * expected(x, w, dy.shape[1:3], **how)).sum()
    found = []
    for array, f in ((x, lambda e: total(e, w)), (w, lambda e: total(x, e))):
        slope = np.empty(array.shape)
        for at in np.ndindex(array.shape):
            unit = np.zeros(array.shape)
            unit[at] = 1.0
            slope[at] = f(unit)
        found.append(slope)
    return found


def sizes(conv, rng):
    for arguments, size in (((8, 3, 1), 6), ((8, 3, 2), 3), ((9, 3, 2), 4), ((8, 3, 1, 2), 4), ((5, 5, 3), 1),
                            ((10, 3, 3, 2), 2)):
        same(conv.output_size(*arguments), size)


def by_hand(conv, rng):
    x = np.arange(12.0).reshape(1, 3, 4, 1)                   # rows 0 1 2 3 | 4 5 6 7 | 8 9 10 11
    w = np.array([[1.0, 2.0], [0.0, -1.0]]).reshape(1, 2, 2, 1, 1)
    same(conv.conv2d(x, w, np.zeros((1, 2, 3, 1)))[0, :, :, 0], [[-3, -1, 1], [5, 7, 9]])     # 0 + 2·1 − 5
    same(conv.conv2d(x, w, np.zeros((1, 2, 3, 1)), b=np.array([10.0]))[0, :, :, 0], [[7, 9, 11], [15, 17, 19]])


def channels(conv, rng):
    x, w, b = rng.normal(size=(2, 5, 4, 3)), rng.normal(size=(1, 3, 2, 3, 4)), rng.normal(size=4)
    same(conv.conv2d(x, w, np.full((2, 3, 3, 4), 9.0), b=b), expected(x, w, (3, 3)) + b, within=1e-12)
    same(conv.conv2d(x, w, np.full((2, 3, 3, 4), 9.0)), expected(x, w, (3, 3)), within=1e-12)


def stride_and_dilation(conv, rng):
    for stride, dilation, size in (((2, 1), (1, 1), (3, 6)), ((1, 1), (2, 3), (3, 4)), ((2, 3), (2, 1), (2, 2))):
        x, w = rng.normal(size=(1, 7, 7, 2)), rng.normal(size=(1, 3, 2, 2, 2))
        got = conv.conv2d(x, w, np.zeros((1, *size, 2)), stride, dilation)
        same(got, expected(x, w, size, stride, dilation), within=1e-12)


def gradients_by_hand(conv, rng):
    x = np.arange(12.0).reshape(1, 3, 4, 1)
    w = np.array([[1.0, 2.0], [0.0, -1.0]]).reshape(1, 2, 2, 1, 1)
    dy = np.array([[1.0, 0.0, 0.0], [0.0, 10.0, 0.0]]).reshape(1, 2, 3, 1)
    dx, dw, db = conv.gradients(x, w, dy)
    same(dx[0, :, :, 0], [[1, 2, 0, 0], [0, 9, 20, 0], [0, 0, -10, 0]])        # two kernels that overlap at −1 + 10
    same(dw[0, :, :, 0, 0], [[50, 61], [94, 105]])            # 0 + 10·5, 1 + 10·6, 4 + 10·9, 5 + 10·10
    same(db, [11])


def gradients(conv, rng):
    for stride, dilation, padding, size in (((1, 1), (1, 1), (0, 0), (3, 4)), ((2, 2), (1, 1), (1, 1), (2, 2)),
                                            ((1, 2), (2, 1), (1, 0), (1, 2))):
        x, w = rng.normal(size=(2, 5, 5, 2)), rng.normal(size=(1, 3, 2, 2, 3))
        top, left = padding
        x[:, :top] = x[:, 5 - top :] = x[:, :, :left] = x[:, :, 5 - left :] = 0
        dy = rng.normal(size=(2, *size, 3))
        dx, dw, db = conv.gradients(x, w, dy, stride, dilation, padding, before=7.0)
        want_dx, want_dw = slopes(x, w, dy, stride=stride, dilation=dilation)
        same(dw, want_dw, within=1e-11)
        same(db, [dy[..., o].sum() for o in range(3)], within=1e-11)
        same(dx, want_dx[:, top : 5 - top, left : 5 - left], within=1e-11)


def train(images, targets, weights, batches, rate):
    """The same network with patches and products of matrices."""
    w1, b1, w2, b2 = weights
    w1, w2 = w1.reshape(9, -1), w2.reshape(-1, 10)
    x = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    patches = np.stack([x[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].reshape(-1, 9) for i in range(4) for j in range(4)], axis=1)
    for at in batches:
        h = np.maximum(patches[at] @ w1 + b1, 0)
        z = h.reshape(len(at), -1) @ w2 + b2
        p = np.exp(z - z.max(axis=1, keepdims=True))
        dz = (p / p.sum(axis=1, keepdims=True) - targets[at]) / len(at)
        dh = (dz @ w2.T).reshape(h.shape) * (h > 0)
        w1, b1 = w1 - rate * np.einsum("npk,npo->ko", patches[at], dh), b1 - rate * dh.sum(axis=(0, 1))
        w2, b2 = w2 - rate * h.reshape(len(at), -1).T @ dz, b2 - rate * dz.sum(axis=0)
    return w1, b1, w2, b2


def digits(conv, rng):
    """Two convolutions learn the digits with your loops, as they do with products of matrices, far better than by chance."""
    data = stored("digits")
    images, targets = data["images"].reshape(-1, 8, 8) / 16.0, np.eye(10)[data["labels"]]
    weights = (rng.normal(size=(1, 3, 3, 1, 4)) * 0.8, np.zeros(4), rng.normal(size=(1, 4, 4, 4, 10)) * 0.1, np.zeros(10))
    batches = np.arange(512).reshape(64, 8)
    got = conv.train(images, targets, weights, batches, 0.2)
    for ours, want in zip(got, train(images, targets, weights, batches, 0.2), strict=True):
        same(ours.ravel(), want.ravel(), within=1e-8)
    z = conv.logits(data["test_images"][:100].reshape(-1, 8, 8) / 16.0, got)
    right = int((z.argmax(axis=1) == data["test_labels"][:100]).sum())
    assert right > 40, f"{right} of 100 test images are right, expected more than 40"
