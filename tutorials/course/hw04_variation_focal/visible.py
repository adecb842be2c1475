"""The tests that students have. losses: the module variation, or the grader's link to it."""

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


def probability(z, y):
    """softmax(z)_y of a few moderate numbers."""
    return exp(z[y]) / sum(exp(x) for x in z)


def focal(z, labels, gamma, alpha=None):
    """The focal loss of moderate logits, example by example."""
    total = 0.0
    for row, y in zip(z, labels, strict=True):
        p = probability(row, y)
        total -= (1 if alpha is None else alpha[y]) * (1 - p) ** gamma * log(p)
    return total / len(z)


def margins(c, labels, margin, scale):
    """The margin loss, example by example."""
    total = 0.0
    for row, y in zip(c, labels, strict=True):
        s = [scale * (x - margin * (k == y)) for k, x in enumerate(row)]
        total -= log(probability(s, y))
    return total / len(c)


def focal_by_hand(losses, rng):
    """p = 3/4 and p = 1/2; with gamma 2 they count by 1/16 and 1/4."""
    z, labels = np.log([[3.0, 1.0], [1.0, 1.0]]), np.array([0, 1])
    l, dz = losses.focal_loss(z, labels, 2.0)
    same(l, -(log(3 / 4) / 16 + log(1 / 2) / 4) / 2, within=1e-12)
    first = (2 * 3 / 4 * 1 / 4 * log(3 / 4) - 1 / 16) * 1 / 4 / 2       # by the rule for products
    second = (2 * 1 / 2 * 1 / 2 * log(1 / 2) - 1 / 4) * 1 / 2 / 2
    same(dz, [[first, -first], [-second, second]], within=1e-12)


def focal_gradient(losses, rng):
    for gamma in (0.0, 0.5, 1.0, 2.0, 5.0):
        z, labels = rng.normal(size=(4, 3)), rng.integers(0, 3, 4)
        l, dz = losses.focal_loss(z, labels, gamma)
        same(l, focal(z, labels, gamma), within=1e-12)
        same(dz, slope(lambda z: focal(z, labels, gamma), z), within=1e-8)                        # noqa: B023


def without_gamma_it_is_the_cross_entropy(losses, rng):
    z, labels = rng.normal(size=(5, 4)), rng.integers(0, 4, 5)
    p = np.array([[probability(row, k) for k in range(4)] for row in z])
    l, dz = losses.focal_loss(z, labels, 0.0)
    same(l, -np.log(p[np.arange(5), labels]).mean(), within=1e-12)
    same(dz, (p - np.eye(4)[labels]) / 5, within=1e-12)
    l, dz = losses.focal_loss(np.array([[1000.0, 0.0], [0.0, 1000.0]]), np.array([1, 1]), 0.0)
    same(l, 500.0)
    same(dz, [[0.5, -0.5], [0, 0]])


def margin_by_hand(losses, rng):
    """With scale ln 2 the numbers are powers of 2: 2^(2 − 1) against 2^1 and 2^0."""
    c, labels = np.array([[2.0, 1.0, 0.0]]), np.array([0])
    l, dc = losses.margin_loss(c, labels, 1.0, log(2))
    same(l, log(5 / 2), within=1e-12)
    same(dc, log(2) * np.array([[2 / 5 - 1, 2 / 5, 1 / 5]]), within=1e-12)
    c, labels = rng.uniform(-1, 1, (4, 3)), rng.integers(0, 3, 4)
    for margin, scale in ((0.35, 10.0), (0.0, 1.0), (0.5, 3.0)):
        l, dc = losses.margin_loss(c, labels, margin, scale)
        same(l, margins(c, labels, margin, scale), within=1e-10)
        same(dc, slope(lambda c: margins(c, labels, margin, scale), c), within=1e-6)               # noqa: B023


def digits(losses, rng):
    """64 → 10, where 0 to 4 have 8 images each and 5 to 9 have 80: rare digits get better with weights for classes."""
    data = stored("rare_digits")
    x, y = data["images"] / 8 - 1.0, data["labels"].astype(int)
    test, truth = data["test_images"] / 8 - 1.0, data["test_labels"]
    alpha = len(y) / (10 * np.bincount(y))

    def right_of_rare(**options):
        w, b = np.zeros((10, 64)), np.zeros(10)
        for _ in range(60):
            _, dz = losses.focal_loss(x @ w.T + b, y, 2.0, **options)
            w, b = w - 0.5 * dz.T @ x, b - 0.5 * dz.sum(axis=0)
        right = np.argmax(test @ w.T + b, axis=1) == truth
        return int(right[truth < 5].sum()), int(right.sum())

    (rare, right), (rare_with_alpha, right_with_alpha) = right_of_rare(), right_of_rare(alpha=alpha)
    assert right > 240 and right_with_alpha > 288, f"{right} and, with alpha, {right_with_alpha} of 360 are right"
    assert rare_with_alpha > rare + 5, f"of the rare digits {rare} are right, with alpha {rare_with_alpha}"
