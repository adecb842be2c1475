"""The tests that only the grader has."""

from math import log
from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
weights, slope = visible["weights"], visible["slope"]


def large_costs(transport, rng):
    """Costs of thousands of ε: nothing overflows, and no row is lost."""
    half = np.array([0.5, 0.5])
    same(transport.half_step(np.array([[5000.0, 9000.0]]), np.zeros(2), half, 1.0), [5000 + log(2)], within=1e-9)
    same(transport.half_step(np.zeros((1, 2)), np.array([8000.0, 0.0]), half, 1.0), [log(2) - 8000], within=1e-9)
    rows = np.array([[0.0, 0.0], [5000.0, 5000.0]])
    same(transport.half_step(rows, np.zeros(2), half, 1.0), [0, 5000], within=1e-9)
    C, a = 1e4 * rng.uniform(1, 2, (4, 4)), np.full(4, 0.25)
    np.fill_diagonal(C, 1e3)
    P = transport.plan(C, a, a, 1.0, 20)
    same(P, np.eye(4) / 4, within=1e-9)


def weights_of_zero(transport, rng):
    """A sample that weighs nothing changes nothing."""
    C, a, b = rng.uniform(0, 2, (3, 4)), weights(rng, 3), weights(rng, 4)
    b[1] = 0
    b /= b.sum()
    kept = [0, 2, 3]
    g = rng.normal(size=4)
    same(transport.half_step(C, g, b, 0.5), transport.half_step(C[:, kept], g[kept], b[kept], 0.5), within=1e-12)
    P = np.asarray(transport.plan(C, a, b, 0.5, 200))
    same(P[:, 1], np.zeros(3))
    same(P[:, kept], transport.plan(C[:, kept], a, b[kept], 0.5, 200), within=1e-12)


def one_round(transport, rng):
    """f comes first, from g = 0; then g."""
    C, a, b = rng.uniform(0, 2, (3, 4)), weights(rng, 3), weights(rng, 4)
    f, g = transport.potentials(C, a, b, 0.8, 1)
    want = [-0.8 * np.log((b * np.exp(-row / 0.8)).sum()) for row in C]
    same(f, want, within=1e-12)
    same(g, [-0.8 * np.log((a * np.exp((np.array(want) - column) / 0.8)).sum()) for column in C.T], within=1e-12)
    assert not np.allclose(transport.potentials(C, a, b, 0.8, 5)[0], f), "more steps change nothing"


def divergences(transport, rng):
    """0 for the same samples, in any order; above 0 for others; a shift of far domains counts with its square."""
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(5, 2)) + 0.5
    same(transport.divergence(x, x[::-1], 1.0, 300), 0, within=1e-9)
    got = transport.divergence(x, y, 1.0, 300)
    assert got > 0, f"the divergence of different domains is {got}"
    same(transport.divergence(y, x, 1.0, 300), got, within=1e-7)
    shift = np.array([3.0, -4.0])
    same(transport.divergence(x, x + shift, 3.0, 500), 25, within=1e-3)


def steps_down(transport, rng):
    """The samples walk onto the other domain."""
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 2)) + 3
    start = transport.divergence(x, y, 1.0, 100)
    for _ in range(40):
        x = x - 1.5 * transport.divergence_gradient(x, y, 1.0, 100)
    end = transport.divergence(x, y, 1.0, 100)
    assert end < 0.05 * start, f"the divergence fell from {start:.3g} to {end:.3g} only"
    same(x.mean(axis=0), y.mean(axis=0), within=0.05)


def arrivals(transport, rng):
    """Each row of a plan counts by itself, whatever it sums up to; of two nearest samples the first leads."""
    P, y = rng.uniform(0, 1, (4, 6)), rng.normal(size=(6, 3))
    want = [[sum(p * v for p, v in zip(row, y[:, k], strict=True)) / sum(row) for k in range(3)] for row in P]
    same(transport.moved(P, y), want, within=1e-12)
    same(transport.moved(P * np.array([[1e-9], [1], [5], [1e6]]), y), want, within=1e-9)
    x = np.array([[0.0], [2.0], [0.0]])
    same(transport.moved_along(np.array([[1.0], [-1.0]]), x, np.array([[5.0], [9.0], [7.0]])), [[6], [4]], within=1e-12)


def types(transport, rng):
    x, y = rng.normal(size=(3, 2)).astype(np.float32), rng.normal(size=(4, 2)).astype(np.float32)
    P = np.ones((2, 3), np.float32)
    for got in (transport.costs(x, y), transport.divergence_gradient(x, y, 1.0, 5), transport.moved(P, x),
                transport.moved_along(x, y, y + 1)):
        dtype(got, np.float64)
    far = (np.arange(6).reshape(3, 2) / 3 + 4096).astype(np.float32)
    want = [[sum((float(a) - float(b)) ** 2 for a, b in zip(p, q, strict=True)) for q in far] for p in far]
    same(transport.costs(far, far), want, within=1e-12)


def refusals(transport, rng):
    C, a, b = np.ones((2, 3)), np.array([0.5, 0.5]), np.array([0.5, 0.25, 0.25])
    same(transport.plan(C, a, b, 1.0, 3), np.outer(a, b), within=1e-12)           # to refuse everything is no solution
    for eps in (0.0, -1.0, np.nan, np.inf):
        refuses(transport.potentials, C, a, b, eps, 3)
        refuses(transport.plan, C, a, b, eps, 3)
        refuses(transport.divergence, C, C, eps, 3)
    refuses(transport.potentials, C, a, b, 1.0, 0)
    for wrong in (b, np.array([0.5, 0.4]), np.array([1.5, -0.5]), np.array([np.nan, 1.0]), a[None], np.zeros(2)):
        refuses(transport.potentials, C, wrong, b, 1.0, 3)
        refuses(transport.potentials, C.T, b, wrong, 1.0, 3)
    for x, y in ((C, C[:, :2]), (C[0], C), (C, C[0]), (C[None], C)):
        refuses(transport.costs, x, y)
    refuses(transport.moved, C, np.ones((2, 4)))
    refuses(transport.moved, np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), np.ones((3, 4)))
    refuses(transport.moved_along, C, C, C[:1])
    refuses(transport.moved_along, C[:, :2], C, C)
