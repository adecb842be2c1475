"""The tests that only the grader has."""

import numpy as np
from checking import same


def one_group(x, w, size, stride, dilation):
    """x (N, H, W, c), w (kh, kw, c, o) -> y, pixel by pixel."""
    y = np.empty((len(x), *size, w.shape[3]))
    for i, j in np.ndindex(*size):
        rows = i * stride[0] + dilation[0] * np.arange(w.shape[0])
        columns = j * stride[1] + dilation[1] * np.arange(w.shape[1])
        y[:, i, j] = np.einsum("nuvc,uvco->no", x[:, rows][:, :, columns], w)
    return y


def expected(x, w, size, stride=(1, 1), dilation=(1, 1)):
    parts = np.split(x, len(w), axis=3)
    return np.concatenate([one_group(part, w_g, size, stride, dilation) for part, w_g in zip(parts, w, strict=True)], axis=3)


def slopes(x, w, dy, **how):
    """(dx, dw) of Σ dy·y: y is linear in each, so a step of 1 from 0 gives the exact slope."""
    found = []
    for array, of in ((x, lambda e: expected(e, w, dy.shape[1:3], **how)), (w, lambda e: expected(x, e, dy.shape[1:3], **how))):
        slope = np.empty(array.shape)
        for at in np.ndindex(array.shape):
            unit = np.zeros(array.shape)
            unit[at] = 1.0
            slope[at] = (dy * of(unit)).sum()
        found.append(slope)
    return found


CASES = (((1, 1), (1, 1), (3, 4)), ((2, 2), (1, 1), (2, 2)), ((1, 2), (2, 1), (1, 2)))     # images 5×5, kernels 3×2


def groups(conv, rng):
    for G, c, o in ((2, 2, 3), (3, 1, 1), (4, 1, 2)):
        for stride, dilation, size in CASES:
            x, w, b = rng.normal(size=(2, 5, 5, G * c)), rng.normal(size=(G, 3, 2, c, o)), rng.normal(size=G * o)
            got = conv.conv2d(x, w, np.full((2, *size, G * o), 5.0), stride, dilation, b)
            same(got, expected(x, w, size, stride, dilation) + b, within=1e-12)


def gradients_of_groups(conv, rng):
    for G, c, o in ((2, 2, 1), (3, 1, 2)):
        for stride, dilation, size in CASES:
            x, w, dy = rng.normal(size=(1, 5, 5, G * c)), rng.normal(size=(G, 3, 2, c, o)), rng.normal(size=(1, *size, G * o))
            dx, dw, db = conv.gradients(x, w, dy, stride, dilation, before=-3.0)
            want_dx, want_dw = slopes(x, w, dy, stride=stride, dilation=dilation)
            same(dx, want_dx, within=1e-11)
            same(dw, want_dw, within=1e-11)
            same(db, [dy[..., k].sum() for k in range(G * o)], within=1e-11)


def formulas(conv, rng):
    for G, c, o in ((1, 2, 3), (2, 2, 1), (3, 1, 2)):
        for stride, dilation, size in CASES:
            x, w, dy = rng.normal(size=(2, 5, 5, G * c)), rng.normal(size=(G, 3, 2, c, o)), rng.normal(size=(2, *size, G * o))
            same(conv.formula(x, w, stride, dilation), expected(x, w, size, stride, dilation), within=1e-12)
            dx, dw, db = conv.gradients_formula(x, w, dy, stride, dilation)
            want_dx, want_dw = slopes(x, w, dy, stride=stride, dilation=dilation)
            same(dx, want_dx, within=1e-11)
            same(dw, want_dw, within=1e-11)
            same(db, [dy[..., k].sum() for k in range(G * o)], within=1e-11)


def edges(conv, rng):
    x, w, dy = rng.normal(size=(1, 6, 6, 1)), rng.normal(size=(1, 2, 2, 1, 1)), rng.normal(size=(1, 2, 2, 1))
    dx, _, _ = conv.gradients(x, w, dy, (3, 3), before=4.0)   # rows and columns 2 and 5 are seen by no kernel
    same(dx[:, 2], np.zeros((1, 6, 1)))
    same(dx[:, :, 5], np.zeros((1, 6, 1)))
    same(dx, slopes(x, w, dy, stride=(3, 3))[0], within=1e-12)
    x[:, :, [0, 5]] = 0                                       # padding at the left and right, none above
    dx, dw, _ = conv.gradients(x, w, dy, (3, 3), (1, 1), (0, 1))
    same(dx, slopes(x, w, dy, stride=(3, 3))[0][:, :, 1:5], within=1e-12)
    x, dy = np.zeros((0, 4, 4, 2)), np.zeros((0, 3, 3, 2))
    w = rng.normal(size=(1, 2, 2, 2, 2))
    same(conv.conv2d(x, w, np.zeros((0, 3, 3, 2))), dy)
    dx, dw, db = conv.gradients(x, w, dy, before=2.0)
    same(dw, np.zeros(w.shape))
    same(db, [0, 0])
    same(dx, x)
