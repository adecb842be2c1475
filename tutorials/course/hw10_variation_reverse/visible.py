"""The tests that students have. student: the module variation, or the grader's link to it."""

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
    return [x / sum(e) for x in e]


def kl(p, q):
    """KL(p ‖ q) of two lists of probabilities."""
    return sum(a * log(a / b) for a, b in zip(p, q, strict=True))


def reverse(z_s, z_t, T):
    """The reverse divergence of moderate logits, example by example."""
    return T * T * sum(kl(softened(a, T), softened(b, T)) for a, b in zip(z_s, z_t, strict=True)) / len(z_s)


def shannon(z_s, z_t, T):
    """The Jensen-Shannon divergence of moderate logits, example by example."""
    total = 0.0
    for a, b in zip(z_s, z_t, strict=True):
        p, q = softened(a, T), softened(b, T)
        middle = [(x + y) / 2 for x, y in zip(p, q, strict=True)]
        total += kl(p, middle) / 2 + kl(q, middle) / 2
    return T * T * total / len(z_s)


def reverse_by_hand(student, rng):
    """At T = 2 the student says ¾ and ¼, the teacher ½ and ½."""
    l, dz = student.reverse_divergence(2 * np.log([[3.0, 1.0]]), np.zeros((1, 2)), 2.0)
    same(l, 4 * (3 / 4 * log(3 / 2) + 1 / 4 * log(1 / 2)), within=1e-12)
    first = 2 * 3 / 4 * 1 / 4 * log(3)          # T s_1 s_2 (ln s_1/q_1 − ln s_2/q_2)
    same(dz, [[first, -first]], within=1e-12)


def reverse_gradient(student, rng):
    for T in (1.0, 2.5, 0.7):
        z_s, z_t = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
        l, dz = student.reverse_divergence(z_s, z_t, T)
        same(l, reverse(z_s, z_t, T), within=1e-12)
        same(dz, slope(lambda z: reverse(z, z_t, T), z_s), within=1e-8)                               # noqa: B023


def shannon_by_hand(student, rng):
    """At T = 2 the student says ¾ and ¼, the teacher ¼ and ¾: between them is ½ and ½."""
    z_s, z_t = 2 * np.log([[3.0, 1.0]]), 2 * np.log([[1.0, 3.0]])
    l, dz = student.jensen_shannon(z_s, z_t, 2.0)
    same(l, 4 * (3 / 4 * log(3 / 2) + 1 / 4 * log(1 / 2)), within=1e-12)
    first = 2 / 2 * 3 / 4 * 1 / 4 * log(3)
    same(dz, [[first, -first]], within=1e-12)


def shannon_gradient(student, rng):
    for T in (1.0, 2.5, 0.7):
        z_s, z_t = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
        l, dz = student.jensen_shannon(z_s, z_t, T)
        same(l, shannon(z_s, z_t, T), within=1e-12)
        same(dz, slope(lambda z: shannon(z, z_t, T), z_s), within=1e-8)                               # noqa: B023
        same(student.jensen_shannon(z_t, z_s, T)[0], l, within=1e-12)


def digits(student, rng):
    """A teacher 64 → 10 learns 500 images; two students learn 200 of them from its logits alone."""
    data = stored("digits")
    x, y = data["images"][:500] / 8 - 1.0, data["labels"][:500].astype(int)
    test, truth = data["test_images"] / 8 - 1.0, data["test_labels"]
    w, b = np.zeros((10, 64)), np.zeros(10)
    for _ in range(150):
        e = np.exp(x @ w.T + b)
        dz = (e / e.sum(axis=1, keepdims=True) - np.eye(10)[y]) / len(x)
        w, b = w - 0.3 * dz.T @ x, b - 0.3 * dz.sum(axis=0)
    x, z_t = x[:200], x[:200] @ w.T + b
    for loss in (student.reverse_divergence, student.jensen_shannon):
        w, b = np.zeros((10, 64)), np.zeros(10)
        for _ in range(100):
            _, dz = loss(x @ w.T + b, z_t, 4.0)
            w, b = w - 0.1 * dz.T @ x, b - 0.1 * dz.sum(axis=0)
        right = int((np.argmax(test @ w.T + b, axis=1) == truth).sum())
        assert right > 290, f"{right} of 360 right, expected more than 290"
