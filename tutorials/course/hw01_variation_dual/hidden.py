"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import refuses, same, stored, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
NUMPY, difference, pair = visible["NUMPY"], visible["difference"], visible["pair"]


def broadcasting(dual, rng):
    """Operands of other shapes, and constants on either side."""
    shapes = [(2, 3), (3,), (2, 1), ()]
    for a in shapes:
        for b in shapes:
            x, y = rng.normal(size=a), rng.uniform(0.5, 2, b)
            dx, dy = rng.normal(size=a), rng.normal(size=b)
            for name in ("add", "subtract", "multiply", "divide"):
                f = NUMPY[name]
                for u, v in ((dx, dy), (dx, None), (None, dy)):
                    du, dv = np.zeros(a) if u is None else u, np.zeros(b) if v is None else v
                    h = 1e-5
                    want = (f(x + h * du, y + h * dv) - f(x - h * du, y - h * dv)) / (2 * h)
                    pair(dual.binary(name, x, u, y, v), f(x, y), want, within=1e-8)


def large_numbers(dual, rng):
    x = np.array([[1000.0, 1000.0], [-1000.0, -1000.0], [1000.0, -1000.0]])
    pair(dual.unary("logsumexp", x, np.array([1.0, 3.0])), x[:, 0] + np.log([2, 2, 1]), [2.0, 2.0, 1.0], within=1e-9)


def jacobians(dual, rng):
    for name, x in [("waves", rng.normal(size=3)), ("rows", rng.normal(size=(2, 3))), ("total", rng.normal(size=(2, 2))),
                    ("logsumexp", rng.normal(size=(2, 1, 3))), ("tanh", np.array(0.7))]:
        f = NUMPY[name]
        J, calls, after = dual.jacobian(name, x)
        want = np.empty(np.shape(f(x)) + x.shape)
        for j in np.ndindex(x.shape):
            v = np.zeros(x.shape)
            v[j] = 1
            want[(..., *j)] = difference(f, x, v)
        same(J, want, within=1e-8)
        assert calls == x.size, f"{calls} passes for {x.size} numbers"
        same(after, x)


def constants_and_refusals(dual, rng):
    pair(dual.directional("constant", np.ones(3), np.ones(3)), [1.0, 2.0], [0.0, 0.0])
    same(dual.jacobian("constant", np.ones(3))[0], np.zeros((2, 3)))
    refuses(dual.directional, "tanh", np.ones(3), np.ones(2))
    refuses(dual.directional, "tanh", np.ones((2, 3)), np.ones(3))


def digits(dual, rng):
    """The derivative of a network's loss on real digits, against gradients written out by hand."""
    data = stored("digits")
    x, t = data["test_images"][:100] / 8.0 - 1, np.eye(10)[data["test_labels"][:100]]
    shapes = (64, 16), (16,), (16, 10), (10,)
    w1, b1, w2, b2 = weights = [rng.normal(size=s) / 6 for s in shapes]
    h = np.tanh(x @ w1 + b1)
    z = h @ w2 + b2
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    dz = (p - t) / 100
    dh = dz @ w2.T * (1 - h**2)
    gradients = x.T @ dh, dh.sum(0), h.T @ dz, dz.sum(0)
    for _ in range(3):
        v = [rng.normal(size=s) for s in shapes]
        want = sum((g * d).sum() for g, d in zip(gradients, v, strict=True))
        pair(dual.cross_entropy(x, t, weights, v), -np.log((p * t).sum(1)).mean(), want, within=1e-10)
