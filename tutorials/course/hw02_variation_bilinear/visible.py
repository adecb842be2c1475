"""The tests that students have. layers: the module variation, or the grader's link to it."""

import numpy as np
from checking import same, stored


def loops(x, z, w, b, dy):
    """(y, dx, dz, dw, db), number by number.   x (N, I), z (N, J), dy (N, O)"""
    y, dx, dz, dw, db = np.zeros(dy.shape), np.zeros(x.shape), np.zeros(z.shape), np.zeros(w.shape), np.zeros(b.shape)
    for n, o in np.ndindex(dy.shape):
        y[n, o] += b[o]
        db[o] += dy[n, o]
        for i, j in np.ndindex(w.shape[1:]):
            y[n, o] += x[n, i] * w[o, i, j] * z[n, j]
            dx[n, i] += dy[n, o] * w[o, i, j] * z[n, j]
            dz[n, j] += dy[n, o] * w[o, i, j] * x[n, i]
            dw[o, i, j] += dy[n, o] * x[n, i] * z[n, j]
    return y, dx, dz, dw, db


def by_hand(layers, rng):
    """Two features beside three; w picks x0·z1 twice and x1·z2 once, or x0·z0."""
    x, z, b = np.array([[2.0, 3.0]]), np.array([[1.0, 10.0, 100.0]]), np.array([0.5, 0.0])
    w = np.array([[[0.0, 2.0, 0.0], [0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    same(layers.bilinear(x, z, w, b), [[340.5, 2.0]])
    same(layers.bilinear(x, z, w), [[340.0, 2.0]])
    got = layers.bilinear_gradients(x, z, w, np.array([[1.0, 5.0]]))
    want = ([[25, 100]], [[10, 4, 3]], [[[2, 20, 200], [3, 30, 300]], [[10, 100, 1000], [15, 150, 1500]]], [1, 5])
    for g, wanted in zip(got, want, strict=True):
        same(g, wanted)


def against_loops(layers, rng):
    for N, I, J, O in ((3, 2, 4, 2), (1, 3, 3, 3), (4, 1, 2, 1)):
        x, z, w, b, dy = (rng.normal(size=s) for s in ((N, I), (N, J), (O, I, J), (O,), (N, O)))
        for g, want in zip((layers.bilinear(x, z, w, b), *layers.bilinear_gradients(x, z, w, dy)), loops(x, z, w, b, dy),
                           strict=True):
            same(g, want, within=1e-10)


def differences(f, arrays, dy, h=1e-5):
    """Central differences of Σ dy · f(*arrays)."""
    found = []
    for k, a in enumerate(arrays):
        d = np.zeros(a.shape)
        for i in np.ndindex(a.shape):
            sides = []
            for step in (h, -h):
                moved = a.copy()
                moved[i] += step
                sides.append(np.sum(dy * f(*arrays[:k], moved, *arrays[k + 1 :])))
            d[i] = (sides[0] - sides[1]) / (2 * h)
        found.append(d)
    return found


def two_thin_matrices(layers, rng):
    x, u, v, dy = (rng.normal(size=s) for s in ((4, 5), (3, 2), (2, 5), (4, 3)))
    y, *got = layers.factored_gradients(x, u, v, dy)
    same(y, np.einsum("ni,ri,or->no", x, v, u), within=1e-10)
    for g, want in zip(got, differences(lambda x, u, v: np.einsum("ni,ri,or->no", x, v, u), [x, u, v], dy), strict=True):
        same(g, want, within=1e-7)


def digits(layers, rng):
    """x M xᵀ for each class: a network that sees products of pixels learns 300 digits; fewer than a quarter is wrong."""
    data = stored("digits")

    def features(images):                                     # 2×2 pixels averaged: 16 numbers, and a 1
        small = images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16) / 8.0 - 1
        return np.concatenate([small, np.ones((len(small), 1))], axis=1)

    x, targets = features(data["images"][:300].astype(float)), np.eye(10)[data["labels"][:300]]
    w, b = np.zeros((10, 17, 17)), np.zeros(10)
    for _ in range(80):
        y = layers.bilinear(x, x, w, b)
        dx, dz, dw, db = layers.bilinear_gradients(x, x, w, 2 * (y - targets) / len(x))
        w, b = w - 0.008 * dw, b - 0.008 * db
    test = features(data["test_images"].astype(float))
    wrong = int(((np.einsum("ni,oij,nj->no", test, w, test) + b).argmax(1) != data["test_labels"]).sum())
    assert wrong < 90, f"{wrong} of 360 wrong, expected fewer than 90"
