"""The tests that students have. losses: scenarios.py, or the grader's link to it."""

from math import exp, log

import numpy as np
from checking import same, stored


def slope(f, z, h=1e-6):
    """The gradient of a number f(z), by central differences."""
    dz = np.zeros(z.shape)
    for i in np.ndindex(z.shape):
        step = np.zeros(z.shape)
        step[i] = h
        dz[i] = (f(z + step) - f(z - step)) / (2 * h)
    return dz


def one_softmax(z):
    """softmax of a list of numbers, without any care for large ones."""
    e = [exp(x) for x in z]
    return np.array([x / sum(e) for x in e])


def by_hand(losses, rng):
    z = np.log([[1.0, 2.0, 5.0], [3.0, 3.0, 3.0]])
    same(losses.softmax_array(z), [[1 / 8, 2 / 8, 5 / 8], [1 / 3, 1 / 3, 1 / 3]], within=1e-12)
    same(losses.softmax_array(z, 0), [[1 / 4, 2 / 5, 5 / 8], [3 / 4, 3 / 5, 3 / 8]], within=1e-12)
    same(losses.log_softmax_array(z), np.log([[1 / 8, 2 / 8, 5 / 8], [1 / 3, 1 / 3, 1 / 3]]), within=1e-12)
    same(losses.log_softmax_array(z, dim=0), np.log([[1 / 4, 2 / 5, 5 / 8], [3 / 4, 3 / 5, 3 / 8]]), within=1e-12)


def large_logits(losses, rng):
    z = np.array([[1000.0, 0.0, 999.0], [-1000.0, -1001.0, -3000.0]])
    p = one_softmax([1, 0])[0]
    same(losses.softmax_array(z), [[p, 0, 1 - p], [p, 1 - p, 0]], within=1e-12)
    same(losses.log_softmax_array(z), [[log(p), log(p) - 1000, log(p) - 1], [log(p), log(p) - 1, log(p) - 2000]], within=1e-9)
    loss, dz = losses.cross_entropy(np.array([[0.0, 5000.0]]), np.array([0]))
    same(loss, 5000.0)
    same(dz, [[-1, 1]])


def softmax_gradients(losses, rng):
    z, dy = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    for dim in (1, 0, -2):
        def rows(z):
            return np.apply_along_axis(one_softmax, dim, z)                                        # noqa: B023
        p, dz = losses.softmax_gradient(z, dim, dy)
        same(p, rows(z), within=1e-12)
        same(dz, slope(lambda z: (rows(z) * dy).sum(), z), within=1e-7)                            # noqa: B023
        l, dz = losses.log_softmax_gradient(z, dim, dy)
        same(l, np.log(rows(z)), within=1e-12)
        same(dz, slope(lambda z: (np.log(rows(z)) * dy).sum(), z), within=1e-7)                    # noqa: B023


def cross_entropy_by_hand(losses, rng):
    z, p = np.log([[1.0, 2.0, 5.0], [4.0, 2.0, 2.0]]), np.array([[1, 2, 5], [4, 2, 2]]) / 8
    loss, dz = losses.cross_entropy(z, np.array([2, 1]))
    same(loss, -(log(5 / 8) + log(2 / 8)) / 2, within=1e-12)
    same(dz, (p - [[0, 0, 1], [0, 1, 0]]) / 2, within=1e-12)
    loss, dz = losses.cross_entropy(z, np.array([[0.5, 0.5, 0], [0, 0, 1]]))
    same(loss, -(0.5 * log(1 / 8) + 0.5 * log(2 / 8) + log(2 / 8)) / 2, within=1e-12)
    same(dz, (p - [[0.5, 0.5, 0], [0, 0, 1]]) / 2, within=1e-12)
    same(losses.cross_entropy(z, np.array([2, 1]), dl=np.ones(2), reduction="none")[0], [-log(5 / 8), -log(2 / 8)],
         within=1e-12)


def one_hot(losses, rng):
    for kind in (np.int64, np.uint8):
        t, kept = losses.target_distribution(np.array([2, 0], kind), (2, 3), np.float64)
        same(t, [[0, 0, 1], [1, 0, 0]])
        same(kept, [1, 1])
    t, kept = losses.target_distribution(np.array([2, -100]), (2, 3), np.float64)
    same(t, [[0, 0, 1], [0, 0, 0]])
    same(kept, [1, 0])
    t, kept = losses.target_distribution(np.array([[0.25, 0.75]]), (1, 2), np.float64)
    same(t, [[0.25, 0.75]])
    assert kept is None, f"kept is {kept}, expected None for probabilities"
    same(losses.times_log(np.array([0.5, 0.0]), np.array([-2.0, -3.0])), [-1.0, 0.0])


def loss_and_gradient_by_loops(losses, rng):
    N, C = 4, 5
    z, y = rng.normal(size=(N, C)), rng.integers(0, C, N)
    w = rng.uniform(0.5, 2, C)

    def mean_loss(z, smoothing):
        total = 0.0
        for n in range(N):
            for c in range(C):
                t = (1 - smoothing) * (c == y[n]) + smoothing / C
                total -= w[c] * t * log(one_softmax(z[n])[c])
        return total / sum(w[y[n]] for n in range(N))

    for smoothing in (0.0, 0.3):
        loss, dz = losses.cross_entropy(z, y, weight=w, label_smoothing=smoothing)
        same(loss, mean_loss(z, smoothing), within=1e-12)
        same(dz, slope(lambda z: mean_loss(z, smoothing), z), within=1e-7)                         # noqa: B023


def digits(losses, rng):
    """64 → 24 → 10, 500 images, 20 epochs: more than nine of ten test images have to be right."""
    data = stored("digits")
    images, test = data["images"] / 8 - 1.0, data["test_images"] / 8 - 1.0
    weights = (rng.normal(size=(24, 64)) / 8, np.zeros(24), rng.normal(size=(10, 24)) / 5, np.zeros(10))
    batches = np.concatenate([rng.permutation(500).reshape(20, 25) for _ in range(20)])
    w1, b1, w2, b2 = losses.train(images, data["labels"].astype(int), weights, batches, 0.1)
    right = int((np.argmax(np.tanh(test @ w1.T + b1) @ w2.T + b2, axis=1) == data["test_labels"]).sum())
    assert right > 324, f"{right} of 360 right, expected more than 324"
