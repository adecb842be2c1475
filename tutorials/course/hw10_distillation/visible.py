"""The tests that students have. student: scenarios.py, or the grader's link to it."""

from math import exp, log

import numpy as np
from checking import same, stored


def slope(f, z, h=1e-5):
    """The gradient of a number f(z), by central differences."""
    dz = np.zeros(z.shape)
    for i in np.ndindex(z.shape):
        step = np.zeros(z.shape)
        step[i] = h
        dz[i] = (f(z + step) - f(z - step)) / (2 * h)
    return dz


def softened(z, T):
    """softmax(z/T) of a row of moderate numbers."""
    e = [exp(x / T) for x in z]
    return np.array([x / sum(e) for x in e])


def loss_by_loops(z_s, z_t, t, T, alpha):
    """The loss for targets t (N, C), example by example and class by class."""
    total, (N, C) = 0.0, z_s.shape
    for n in range(N):
        p, s, q = softened(z_s[n], 1), softened(z_s[n], T), softened(z_t[n], T)
        for c in range(C):
            total += (alpha - 1) * t[n, c] * log(p[c])
            total += alpha * q[c] * log(q[c] / s[c]) * T * T
    return total / N


def by_hand(student, rng):
    """At T = 2 the student says ¼ and ¾, the teacher ⅔ and ⅓; at T = 1 the student says 1/10 and 9/10."""
    z_s, z_t = 2 * np.log([[1.0, 3.0]]), 2 * np.log([[2.0, 1.0]])
    divergence = 2 / 3 * log((2 / 3) / (1 / 4)) + 1 / 3 * log((1 / 3) / (3 / 4))
    loss, dz = student.distillation_loss(z_s, z_t, np.array([0]), 2.0, 0.25)
    same(loss, 3 / 4 * log(10) + 1 / 4 * 4 * divergence, within=1e-12)
    first = 3 / 4 * (1 / 10 - 1) + 1 / 4 * 2 * (1 / 4 - 2 / 3)
    same(dz, [[first, -first]], within=1e-12)
    twice, dz_twice = student.distillation_loss(np.tile(z_s, (2, 1)), np.tile(z_t, (2, 1)), np.array([0, 0]), 2.0, 0.25)
    same(twice, loss, within=1e-12)
    same(dz_twice, np.tile(dz, (2, 1)) / 2, within=1e-12)


def loss_and_gradient_by_loops(student, rng):
    for N, C, T, alpha in ((4, 3, 2.0, 0.3), (3, 5, 0.5, 0.8), (1, 4, 6, 0.5)):
        z_s, z_t, y = rng.normal(size=(N, C)), 2 * rng.normal(size=(N, C)), rng.integers(0, C, N)
        t = np.eye(C)[y]
        loss, dz = student.distillation_loss(z_s, z_t, y, T, alpha)
        same(loss, loss_by_loops(z_s, z_t, t, T, alpha), within=1e-12)
        same(dz, slope(lambda z: loss_by_loops(z, z_t, t, T, alpha), z_s), within=1e-8)               # noqa: B023
        published = [(1 - alpha) * (softened(z_s[n], 1) - t[n]) + alpha * T * (softened(z_s[n], T) - softened(z_t[n], T))
                     for n in range(N)]
        same(dz, np.array(published) / N, within=1e-12)


def high_temperatures(student, rng):
    """As T grows, the gradient becomes the distance of the logits (eq. 4 of the article), and does not fade."""
    z_s, z_t = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    distance = z_s - z_s.mean(axis=1, keepdims=True) - (z_t - z_t.mean(axis=1, keepdims=True))
    for alpha in (1.0, 0.5):
        y, hard = np.array([0, 1, 3]), np.array([softened(row, 1) for row in z_s])
        _, dz = student.distillation_loss(z_s, z_t, y, 10000.0, alpha)
        same(dz, (alpha * distance / 4 + (1 - alpha) * (hard - np.eye(4)[y])) / 3, within=1e-3)


def one_part_alone(student, rng):
    z_s, z_t, y = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), np.array([1, 0, 3])
    t = np.eye(4)[y]
    for alpha in (0, 0.0, 1, 1.0):
        loss, dz = student.distillation_loss(z_s, z_t, y, 3.0, alpha)
        same(loss, loss_by_loops(z_s, z_t, t, 3.0, alpha), within=1e-12)
        same(dz, slope(lambda z: loss_by_loops(z, z_t, t, 3.0, alpha), z_s), within=1e-8)             # noqa: B023
    loss, dz = student.distillation_loss(z_s, z_s, y, 3.0, 1.0)
    same(loss, 0.0, within=1e-12)
    same(dz, np.zeros((3, 4)), within=1e-12)


def teacher_beside_batches(student, rng):
    images, labels, w = rng.normal(size=(7, 5)), rng.integers(0, 3, 7), rng.normal(size=(5, 3))
    batches = student.batches_with_function(images, labels, w)
    assert len(batches) == 3, f"{len(batches)} batches, expected 3"
    for i, (x, y, z_t) in enumerate(batches):
        same(x, images[i::3])
        same(y, labels[i::3])
        same(z_t, np.einsum("nf,fc->nc", images[i::3], w), within=1e-12)


def digits(student, rng):
    """A teacher 64 → 10 learns 500 images; a student learns 200 of them from its logits, beside labels that are all 0."""
    data = stored("digits")
    x, y = data["images"][:500] / 8 - 1.0, data["labels"][:500].astype(int)
    test, truth = data["test_images"] / 8 - 1.0, data["test_labels"]
    w, b = np.zeros((10, 64)), np.zeros(10)
    for _ in range(150):
        e = np.exp(x @ w.T + b)
        dz = (e / e.sum(axis=1, keepdims=True) - np.eye(10)[y]) / len(x)
        w, b = w - 0.3 * dz.T @ x, b - 0.3 * dz.sum(axis=0)
    z_t = x @ w.T + b
    batches = np.concatenate([rng.permutation(200).reshape(8, 25) for _ in range(20)])
    start = np.zeros((10, 64)), np.zeros(10)
    w, b = student.train(x[:200], z_t[:200], np.zeros(200, int), start, batches, 0.1, 4.0, 1.0)
    right = int((np.argmax(test @ w.T + b, axis=1) == truth).sum())
    assert right > 300, f"{right} of 360 right, expected more than 300"
