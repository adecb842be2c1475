"""The tests that students have. layers: scenarios.py, or the grader's link to it."""

import numpy as np
from checking import same, stored


def all_same(got, want, within=1e-10):
    assert len(got) == len(want), f"{len(got)} results, expected {len(want)}"
    for name, g, w in zip(("the result", "gradient 0", "gradient 1", "gradient 2"), got, want, strict=False):
        assert (g is None) == (w is None), f"{name}: got {g}, expected {w}"
        if w is not None:
            same(g, w, within)


def linear_loops(x, w, b, dy):
    """(y, dx, dw, db), number by number.   x (N, I), w (O, I), b (O,), dy (N, O)"""
    y, dx, dw, db = np.zeros(dy.shape), np.zeros(x.shape), np.zeros(w.shape), np.zeros(b.shape)
    for n, o in np.ndindex(dy.shape):
        y[n, o] += b[o]
        db[o] += dy[n, o]
        for i in range(x.shape[1]):
            y[n, o] += x[n, i] * w[o, i]
            dx[n, i] += dy[n, o] * w[o, i]
            dw[o, i] += dy[n, o] * x[n, i]
    return y, dx, dw, db


def linear_by_hand(layers, rng):
    x, w, b = np.array([[2.0, -1.0, 3.0]]), np.array([[1.0, 0.0, -1.0], [2.0, 1.0, 0.0]]), np.array([10.0, 20.0])
    all_same(layers.linear_layer(x, w, b, np.array([[1.0, 10.0]])),
             ([[9, 23]], [[21, 10, -1]], [[2, -1, 3], [20, -10, 30]], [1, 10]))
    x, dy = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    all_same(layers.linear_layer(x, np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros(2), dy),
             ([[5, 11], [11, 25]], [[1, 2], [3, 4]], [[1, 2], [3, 4]], [1, 1]))


def linear_by_loops(layers, rng):
    for N, I, O in ((4, 3, 2), (1, 5, 1), (3, 4, 4)):
        x, w, b, dy = (rng.normal(size=s) for s in ((N, I), (O, I), (O,), (N, O)))
        all_same(layers.linear_layer(x, w, b, dy), linear_loops(x, w, b, dy))


def matrices(layers, rng):
    """z and both gradients of (M, K) (K, N)."""
    x, y, dz = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]), np.array([[1.0, 10.0, 100.0]])
    all_same(layers.matmul(x, y, dz), ([[15, 18, 21]], [[543, 876]], [[1, 10, 100], [2, 20, 200]]))
    x, y, dz = (rng.normal(size=s) for s in ((3, 4), (4, 5), (3, 5)))
    all_same(layers.matmul(x, y, dz), (np.einsum("mk,kn->mn", x, y), np.einsum("mn,kn->mk", dz, y),
                                       np.einsum("mk,mn->kn", x, dz)))


def batches(layers, rng):
    """Several matrices at once: (B, M, K) (B, K, N), and one y for all of them."""
    x, y, dz = (rng.normal(size=s) for s in ((2, 3, 4), (2, 4, 5), (2, 3, 5)))
    all_same(layers.matmul(x, y, dz), (np.einsum("bmk,bkn->bmn", x, y), np.einsum("bmn,bkn->bmk", dz, y),
                                       np.einsum("bmk,bmn->bkn", x, dz)))
    y = rng.normal(size=(4, 5))
    all_same(layers.matmul(x, y, dz), (np.einsum("bmk,kn->bmn", x, y), np.einsum("bmn,kn->bmk", dz, y),
                                       np.einsum("bmk,bmn->kn", x, dz)))


def rows_of_a_table(layers, rng):
    w = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    all_same(layers.embedding(np.array([2, 0, 2]), w, np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])),
             ([[5, 6], [1, 2], [5, 6]], [[10, 20], [0, 0], [101, 202]]))      # row 2 was used twice


def trained_by_hand(images, targets, weights, steps, rate):
    """The same training with every gradient written out by einsum."""
    w1, b1, w2, b2 = weights
    for at in steps:
        x, t = images[at], targets[at]
        h = np.tanh(np.einsum("ni,oi->no", x, w1) + b1)
        dz = 2 * (np.einsum("ni,oi->no", h, w2) + b2 - t) / t.size
        dh = np.einsum("no,oi->ni", dz, w2) * (1 - h**2)
        w1, b1 = w1 - rate * np.einsum("no,ni->oi", dh, x), b1 - rate * dh.sum(0)
        w2, b2 = w2 - rate * np.einsum("no,ni->oi", dz, h), b2 - rate * dz.sum(0)
    return w1, b1, w2, b2


def digits(layers, rng):
    """64 → 24 → 10, trained on 512 digits: the weights of hand-written training; fewer than one of five is wrong."""
    data = stored("digits")
    images, targets = data["images"] / 8.0 - 1, np.eye(10)[data["labels"]]
    weights = [rng.normal(size=(24, 64)) / 8, np.zeros(24), rng.normal(size=(10, 24)) / 5, np.zeros(10)]
    steps = [at for _ in range(12) for at in np.split(rng.permutation(512), 8)]
    trained = layers.train(images, targets, weights, steps, 0.5)
    all_same(trained, trained_by_hand(images, targets, weights, steps, 0.5), within=1e-9)
    w1, b1, w2, b2 = trained
    outputs = np.tanh((data["test_images"] / 8.0 - 1) @ w1.T + b1) @ w2.T + b2
    wrong = int((outputs.argmax(1) != data["test_labels"]).sum())
    assert wrong < 72, f"{wrong} of 360 wrong, expected fewer than 72"
