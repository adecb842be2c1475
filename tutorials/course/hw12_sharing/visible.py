"""The tests that students have. sharing: scenarios.py, or the grader's link to it."""

import numpy as np
from checking import same, stored


def looked_up(sharing, rng):
    C = np.array([-1.5, 0.25, 4.0])
    same(sharing.look_up(C, np.array([[0, 3], [1, 2], [2, 0]])), [[0, 4], [-1.5, 0.25], [0.25, 0]])
    same(sharing.look_up(C, np.array([2, 2])), [0.25, 0.25])


def summed(dw, codes, k):
    """The sum for each value, one weight after the other."""
    sums = [0.0] * k
    for d, code in zip(dw.flat, codes.flat, strict=True):
        if code > 0:
            sums[code - 1] += float(d)
    return sums


def gradient(sharing, rng):
    dw = np.array([[1.0, 10.0, 100.0], [1000.0, 10000.0, 100000.0]])
    same(sharing.codebook_gradient(dw, np.array([[1, 0, 2], [2, 2, 0]]), 3), [1.0, 11100.0, 0.0])
    dw, codes = rng.normal(size=(8, 9)), rng.integers(0, 6, (8, 9))
    same(sharing.codebook_gradient(dw, codes, 7), summed(dw, codes, 7), within=1e-12)


def beginnings(sharing, rng):
    w = np.array([-4.0, -1.0, 0.5, 1.0, 1.5, 2.0, 2.5, 6.0])
    same(sharing.first_values(w, 3, "linear"), [-4.0, 1.0, 6.0])
    same(sharing.first_values(w, 1, "linear"), [-4.0])
    # quantile 1/8 lies 7/8 of the way from the first to the second of 8 numbers: −4 + 7/8 · 3; 3/8: 2 5/8 steps; …
    same(sharing.first_values(w, 4, "density"), [-1.375, 0.8125, 1.6875, 2.9375], within=1e-12)
    drawn = sharing.first_values(w, 5, "random", 3)
    same(np.sort(drawn), drawn)
    assert set(np.asarray(drawn).tolist()) <= set(w.tolist()), "the values are to be some of the numbers"


def nearest_value(sharing, rng):
    same(sharing.nearest(np.array([-9.0, -0.5, 0.5, 0.51, 2.0, 2.1, 9.0]), np.array([0.0, 1.0, 3.0])), [0, 0, 0, 1, 1, 2, 2])
    values, w = np.sort(rng.normal(size=6)), rng.normal(size=(5, 8))
    same(sharing.nearest(w, values), [[int(np.argmin([abs(t - c) for c in values])) for t in row] for row in w])
    same(sharing.nearest(w, values[:1]), np.zeros((5, 8)))


def lloyd_by_hand(sharing, rng):
    # 0 and 10: {0, 1, 4} and {8, 9, 12}, means 5/3 and 29/3. The middle is then 17/3: the same groups.
    same(sharing.lloyd(np.array([0.0, 1, 4, 8, 9, 12]), np.array([0.0, 10.0])), [5 / 3, 29 / 3], within=1e-12)
    # 0 and 1: {0} and {1, 2, 9, 10}, means 0 and 5.5; then {0, 1, 2} and {9, 10}
    same(sharing.lloyd(np.array([0.0, 1, 2, 9, 10]), np.array([0.0, 1.0])), [1.0, 9.5], within=1e-12)
    # nothing is near 50: this group goes
    same(sharing.lloyd(np.array([0.0, 2, 98, 100]), np.array([0.0, 50.0, 100.0])), [1.0, 99.0], within=1e-12)


def groups(sharing, rng):
    values, codes = sharing.kmeans(np.array([[0.0, 1.0, 1.5], [-2.0, -4.0, 1.25]]), 2)
    same(values, [-3.0, 1.25])
    same(codes, [[0, 2, 2], [1, 1, 2]])
    w = rng.normal(size=(12, 10)) * (rng.random((12, 10)) < 0.6)
    for init in ("linear", "density", "random"):
        values, codes = sharing.kmeans(w, 5, init, 0)
        assert len(values) <= 5, f"{len(values)} values, 5 are allowed"
        same(np.asarray(codes) == 0, w == 0)


def digits(sharing, rng):
    """64 → 48 → 10, trained on digits: eight values a layer do little harm; the gradient is that of the loss."""
    net = stored("network")
    images, labels = (net["images"] / 255 - 0.3055) / 0.376, net["labels"]

    def logits(w1, w2):
        h = np.maximum(images @ w1.T + net["b1"], 0)
        return h, h @ w2.T + net["b2"]

    def wrong(w1, w2):
        return int((np.argmax(logits(w1, w2)[1], axis=1) != labels).sum())

    w1, w2 = net["w1"].astype(np.float64), net["w2"].astype(np.float64)
    (C1, I1), (C2, I2) = sharing.kmeans(w1, 8), sharing.kmeans(w2, 8)
    C1, C2 = C1.astype(np.float64), C2.astype(np.float64)
    few, whole = wrong(sharing.look_up(C1, I1), sharing.look_up(C2, I2)), wrong(w1, w2)
    assert few <= whole + 15, f"{few} of 360 wrong with eight values in each layer, {whole} with all"

    def loss(C):
        z = logits(sharing.look_up(C1, I1), sharing.look_up(C, I2))[1]
        z = z - z.max(axis=1, keepdims=True)
        return np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels])

    h, z = logits(sharing.look_up(C1, I1), sharing.look_up(C2, I2))
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(z)), labels] -= 1
    steps = 1e-5 * np.eye(len(C2))
    want = [(loss(C2 + step) - loss(C2 - step)) / 2e-5 for step in steps]
    same(sharing.codebook_gradient(p.T @ h / len(z), I2, len(C2)), want, within=1e-6)
