"""The tests that only the grader has."""

from math import sqrt
from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

run = tests_of(Path(__file__).with_name("visible.py"))["run"]


def amsgrad_path(w, gradients, lr, beta1, beta2, eps):
    """w after each step for one weight, number by number."""
    m = v = largest = 0.0
    path = []
    for t, g in enumerate(gradients, 1):
        m, v = m + (1 - beta1) * (g - m), v + (1 - beta2) * (g * g - v)
        largest = max(largest, v)
        w -= lr * m / (1 - beta1**t) / (sqrt(largest / (1 - beta2**t)) + eps)
        path.append(w)
    return path


def radam_path(w, gradients, lr, beta1, beta2, eps):
    """w after each step for one weight, number by number."""
    m = v = 0.0
    path = []
    for t, g in enumerate(gradients, 1):
        m, v = m + (1 - beta1) * (g - m), v + (1 - beta2) * (g * g - v)
        infinite, fading = 2 / (1 - beta2) - 1, beta2**t
        rho = infinite - t * fading * 2 / (1 - fading)
        step = m / (1 - beta1**t)
        if rho > 4:
            r = sqrt((rho - 4) / (infinite - 4)) * sqrt((rho - 2) / (infinite - 2)) * sqrt(infinite / rho)
            step *= r / (sqrt(v / (1 - beta2**t)) + eps)
        w -= lr * step
        path.append(w)
    return path


def amsgrad_by_formula(rules, rng):
    w, gradients = rng.normal(size=(2, 3)), rng.normal(size=(12, 2, 3)) * np.linspace(3, 0.1, 12)[:, None, None]
    for options in ({"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
                    {"lr": 0.1, "beta1": 0.5, "beta2": 0.5, "eps": 0.5}):
        _, path = run(rules.amsgrad, w, gradients, 3, **options)
        for i in np.ndindex(w.shape):
            same(path[(slice(None), *i)], amsgrad_path(w[i], gradients[(slice(None), *i)], **options), within=1e-12)


def radam_by_formula(rules, rng):
    w, gradients = rng.normal(size=(2, 2)), rng.normal(size=(12, 2, 2))
    for options in ({"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
                    {"lr": 0.1, "beta1": 0.5, "beta2": 0.9, "eps": 0.25}):
        _, path = run(rules.radam, w, gradients, 2, **options)
        for i in np.ndindex(w.shape):
            same(path[(slice(None), *i)], radam_path(w[i], gradients[(slice(None), *i)], **options), within=1e-12)


def long_runs(rules, rng):
    """200 steps: the corrections fade, and RAdam's factor grows towards 1."""
    g = rng.normal(size=200)
    options = {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-6}
    _, path = run(rules.radam, np.zeros(1), g[:, None], 2, **options)
    same(path[:, 0], radam_path(0.0, g, **options), within=1e-12)
    _, path = run(rules.amsgrad, np.zeros(1), g[:, None], 3, **options)
    same(path[:, 0], amsgrad_path(0.0, g, **options), within=1e-12)


def first_steps_of_radam(rules, rng):
    """Steps of momentum while ρ ≤ 4; and for ever with a small beta2."""
    g = np.array([[100.0], [-50.0], [20.0], [10.0], [1.0]])
    for beta2 in (0.5, 0.6, 0.999):
        m, w = 0.0, 0.0
        steps = 4 if beta2 == 0.999 else 5                                     # ρ_5 is the first above 4 for 0.999
        _, path = run(rules.radam, np.zeros(1), g, 2, lr=0.5, beta1=0.5, beta2=beta2)
        for t in range(steps):
            m = 0.5 * m + 0.5 * g[t, 0]
            w -= 0.5 * m / (1 - 0.5 ** (t + 1))
            same(path[t], [w], within=1e-12)
    same(path[4], [w], within=0.5 * 1.0)                                       # from here on the step is short
    assert abs(path[4, 0] - path[3, 0]) < 0.5 * 0.1, f"step 5 is {path[4, 0] - path[3, 0]}, expected a short one: r is small"


def decay_and_sign(rules, rng):
    w, g, m = rng.normal(size=(3, 4))
    g[1], m[1] = 0.0, 0.0
    for beta1, beta2 in ((0.9, 0.99), (0.0, 0.0), (0.3, 0.8)):
        got, kept = rules.lion(w, g, m, 0.1, beta1, beta2, 0.25)
        want = [w[i] - 0.1 * (int(c > 0) - int(c < 0) + 0.25 * w[i]) for i, c in enumerate(beta1 * m + (1 - beta1) * g)]
        same(got, want, within=1e-14)
        same(kept, [beta2 * m[i] + (1 - beta2) * g[i] for i in range(4)], within=1e-14)


def nothing_but_zeros(rules, rng):
    for eps in (0.0, 1e-8):
        w, m, v, v_max = rules.amsgrad(np.ones(2), np.array([0.0, 1.0]), *np.zeros((3, 2)), 1, lr=0.5, eps=eps)
        same(w, [1.0, 0.5], within=1e-7)
        same(v_max, v)
    w, *_ = rules.amsgrad(np.ones(1), np.zeros(1), np.ones(1), np.zeros(1), np.full(1, 4.0), 3, lr=1.0, beta1=0.5, beta2=0.5)
    same(w, [1 - 0.5 / 0.875 / np.sqrt(4 / 0.875)], within=1e-7)
    for rule, averages in ((rules.amsgrad, 3), (rules.radam, 2)):
        same(rule(np.zeros((0, 2)), np.zeros((0, 2)), *[np.zeros((0, 2))] * averages, 1)[0], np.zeros((0, 2)))
    same(rules.lion(np.array(1.0), np.array(2.0), np.array(0.0), 0.5)[0], 0.5)


def float32_stays(rules, rng):
    w, g, a = rng.normal(size=(3, 2, 2)).astype(np.float32)
    for new in (rules.lion(w, g, a, weight_decay=0.1), rules.amsgrad(w, g, a, a**2, a**2, 7), rules.radam(w, g, a, a**2, 7),
                rules.radam(w, g, a, a**2, 1)):
        for array in new:
            dtype(array, np.float32)


def refusals(rules, rng):
    w, other = np.zeros(2), np.zeros((2, 1))
    same(rules.lion(w, w, w)[0], w)                                            # to refuse everything is no solution
    same(rules.amsgrad(w, w, w, w, w, 1)[0], w)
    same(rules.radam(w, w, w, w, 1)[0], w)
    refuses(rules.lion, w, other, w)
    refuses(rules.lion, w, w, other)
    refuses(rules.lion, w, w, w, 0.1, 1.0)
    for k in range(4):
        refuses(rules.amsgrad, w, *[other if k == i else w for i in range(4)], 1)
    for k in range(3):
        refuses(rules.radam, w, *[other if k == i else w for i in range(3)], 1)
    for rule, averages in ((rules.amsgrad, 4), (rules.radam, 3)):
        refuses(rule, w, *[w] * averages, 0)
        refuses(rule, w, *[w] * averages, 1, 0.1, -0.1)
        refuses(rule, w, *[w] * averages, 1, 0.1, 0.9, 1.0)
