"""The tests that students have. transport: variation.py, or the grader's link to it."""

from itertools import permutations
from math import exp, log

import numpy as np
from checking import same, stored


def weights(rng, n):
    return rng.dirichlet(2 * np.ones(n))


def slope(f, x, h=1e-4):
    """The gradient of a number f(x), by central differences."""
    dx = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = h
        dx[i] = (f(x + step) - f(x - step)) / (2 * h)
    return dx


def distances(x, y):
    """|x_i − y_j|, row by row."""
    return np.stack([np.linalg.norm(y - p, axis=1) for p in x])


def costs_by_hand(transport, rng):
    x, y = np.array([[0.0, 0.0], [1.0, 2.0]]), np.array([[1.0, 0.0], [-2.0, 2.0]])
    same(transport.costs(x, y), [[1, 8], [4, 9]], within=1e-12)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
    same(transport.costs(x, y), [[sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) for q in y] for p in x], within=1e-12)


def half_steps(transport, rng):
    """ε = 2: exponentials of 0 and of −1, each with its weight."""
    f = transport.half_step(np.array([[0.0, 3.0]]), np.array([0.0, 1.0]), np.array([0.25, 0.75]), 2.0)
    same(f, [-2 * log(0.25 + 0.75 * exp(-1))], within=1e-12)
    C, g, b = rng.uniform(0, 3, (4, 3)), rng.normal(size=3), weights(rng, 3)
    same(transport.half_step(C, g, b, 0.7),
         [-0.7 * log(sum(b[j] * exp((g[j] - C[i, j]) / 0.7) for j in range(3))) for i in range(4)], within=1e-12)


def two_by_two(transport, rng):
    """Costs 0 on the diagonal and 1 beside it: by symmetry the plan is ½ (k, 1 − k; 1 − k, k) with k = 1/(1 + exp(−1/ε))."""
    a = np.array([0.5, 0.5])
    for eps in (0.5, 2.0):
        k = 1 / (1 + exp(-1 / eps))
        same(transport.plan(1 - np.eye(2), a, a, eps, 50), [[k / 2, (1 - k) / 2], [(1 - k) / 2, k / 2]], within=1e-9)


def sums_of_a_plan(transport, rng):
    C, a, b = rng.uniform(0, 2, (5, 7)), weights(rng, 5), weights(rng, 7)
    P = np.asarray(transport.plan(C, a, b, 0.5, 300))
    assert (P > 0).all(), "a number of the plan is not above 0"
    same(P.sum(axis=0), b, within=1e-12)
    same(P.sum(axis=1), a, within=1e-9)
    f, g = transport.potentials(C, a, b, 0.5, 300)
    ratio = P / np.outer(a, b)
    same(0.5 * np.log(ratio), np.asarray(f)[:, None] + g - C, within=1e-9)


def the_best_assignment(transport, rng):
    """Five places, and the same places moved and in another order: with a small ε the plan is the best of all permutations."""
    x = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0], [3.0, 3.0], [1.5, 1.5]]) + rng.uniform(-0.2, 0.2, (5, 2))
    y = x[rng.permutation(5)] + rng.uniform(-0.2, 0.2, (5, 2)) + [1.0, -0.5]
    C, a = distances(x, y) ** 2, np.full(5, 0.2)
    best = min(permutations(range(5)), key=lambda p: sum(C[i, p[i]] for i in range(5)))
    same(transport.plan(C, a, a, 0.4, 300), np.eye(5)[list(best)] / 5, within=0.01)


def where_they_arrive(transport, rng):
    P, y = np.array([[0.25, 0.25], [0.5, 0.0]]), np.array([[0.0, 1.0], [4.0, 3.0]])
    same(transport.moved(P, y), [[2, 2], [0, 1]], within=1e-12)
    x, arrived = np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[1.0, 5.0], [7.0, 0.0]])
    same(transport.moved_along(np.array([[1.0, 1.0], [9.0, -1.0]]), x, arrived), [[2, 6], [6, -1]], within=1e-12)


def gradient(transport, rng):
    x, y = 0.7 * rng.normal(size=(4, 2)), 0.7 * rng.normal(size=(3, 2)) + 0.5
    got = transport.divergence_gradient(x, y, 2.0, 150)
    same(got, slope(lambda x: transport.divergence(x, y, 2.0, 150), x), within=1e-5)


def digits(transport, rng):
    """A camera makes lower rows up to fifteen times as bright. The labels are those of the old images only.

    A new image gets the class of the nearest old one, as it is or moved.
    """
    data = stored("digits")
    lamp = np.linspace(0.8, 12, 64)
    x, y, new = data["images"][:250] / 4, data["labels"][:250], data["test_images"][:180] / 16 * lamp + 2
    C = np.asarray(transport.costs(x, new))

    def right(x):
        nearest = distances(new, x).argmin(axis=1)
        return int((y[nearest] == data["test_labels"][:180]).sum())

    P = transport.plan(C, np.full(250, 1 / 250), np.full(180, 1 / 180), float(np.median(C)) / 50, 60)
    before, after = right(x), right(np.asarray(transport.moved(P, new)))
    assert after >= before + 20, f"{after} of 180 right with moved images, {before} without"
