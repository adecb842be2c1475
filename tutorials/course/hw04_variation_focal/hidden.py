"""The tests that only the grader has."""

from decimal import Decimal, localcontext
from math import isclose, log
from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
slope, focal = visible["slope"], visible["focal"]
INF = np.inf


def exact(z, y, gamma):
    """The focal loss of one example and its gradient, in 60 digits."""
    with localcontext() as context:
        context.prec = 60
        e = [Decimal(float(x)).exp() if x > -INF else Decimal(0) for x in z]
        p, gamma = [x / sum(e) for x in e], Decimal(gamma)
        rest = sum(x for k, x in enumerate(p) if k != y)
        l = -(rest**gamma) * p[y].ln()
        d = gamma * p[y] * rest ** (gamma - 1) * p[y].ln() - rest**gamma
        return float(l), [float(d * ((k == y) - x) if k != y else d * rest) for k, x in enumerate(p)]


def nearly(got, want, relative):
    same(np.shape(got), np.shape(want))
    for i in np.ndindex(np.shape(want)):
        g, w = float(np.asarray(got)[i]), float(np.asarray(want)[i])
        assert isclose(g, w, rel_tol=relative, abs_tol=1e-300), f"index {i}: got {g!r}, expected {w!r}"


def digits_of_one_minus_p(losses, rng):
    """Where p is close to 1, or to 0: compared with 60 digits."""
    for z in ([12.0, 0.0, -3.0], [30.0, 0.0, 1.0], [45.0, 2.0, 0.0], [0.0, 40.0, 3.0], [0.0, 2.0, 20.0], [1.0, -INF, 0.5]):
        for gamma in ("0.5", "1", "2"):
            l, dz = losses.focal_loss(np.array([z]), np.array([0]), float(gamma))
            want = exact(z, 0, gamma)
            nearly(l, want[0], 1e-10)
            nearly(dz, [want[1]], 1e-10)


def the_limits(losses, rng):
    """1 − p is 0, or p is."""
    for gamma in (0.0, 0.3, 1.0, 2.0):
        l, dz = losses.focal_loss(np.array([[10000.0, -10000.0, 0.0]]), np.array([0]), gamma)
        same(l, 0.0)
        same(dz, [[0, 0, 0]])
        l, dz = losses.focal_loss(np.array([[10000.0, -10000.0, 0.0]]), np.array([1]), gamma)
        same(l, 20000.0)
        same(dz, [[1, -1, 0]])
        l, dz = losses.focal_loss(np.array([[0.0, -INF, -INF]]), np.array([0]), gamma)
        same(l, 0.0)
        same(dz, [[0, 0, 0]])
    l, dz = losses.focal_loss(np.array([[0.0, -INF, 0.0]]), np.array([2]), 1.0)
    same(l, log(2) / 2, within=1e-12)
    want = (0.5 * log(0.5) - 0.5) * 0.5
    same(dz, [[-want, 0, want]], within=1e-12)


def weights_of_classes(losses, rng):
    z, labels, alpha = rng.normal(size=(6, 3)), np.array([0, 0, 1, 2, 2, 2]), np.array([0.5, 3.0, 0.0])
    for gamma in (0.0, 2.0):
        l, dz = losses.focal_loss(z, labels, gamma, alpha)
        same(l, focal(z, labels, gamma, alpha), within=1e-12)
        same(dz, slope(lambda z: focal(z, labels, gamma, alpha), z), within=1e-8)                  # noqa: B023
    same(dz[3:], np.zeros((3, 3)))


def large_margins(losses, rng):
    for scale in (1e4, 30.0):
        l, dc = losses.margin_loss(np.array([[1.0, -1.0], [-1.0, 1.0]]), np.array([0, 0]), 0.5, scale)
        same(l, 2.5 * scale / 2, within=1e-8)
        same(dc, [[0, 0], [-scale / 2, scale / 2]], within=1e-8)
    same(losses.margin_loss(np.array([[0.3]]), np.array([0]))[0], 0.0)


def float32_and_memory(losses, rng):
    z, labels = rng.normal(size=(3, 4)), np.array([0, 3, 3])
    for function in (losses.focal_loss, losses.margin_loss):
        l, dz = function(z, labels)
        l32, dz32 = function(z.astype(np.float32), labels)
        dtype(l32, np.float32)
        dtype(dz32, np.float32)
        dtype(dz, np.float64)
        same(l32, l, within=1e-4)
        same(dz32, dz, within=1e-4)
    dtype(losses.focal_loss(z.astype(np.float32), labels, 2.0, np.ones(4))[1], np.float32)


def refusals(losses, rng):
    z, labels = np.zeros((2, 3)), np.array([0, 2])
    same(losses.focal_loss(z, labels, 0.0)[0], log(3), within=1e-12)                   # to refuse everything is no solution
    same(losses.margin_loss(z, labels, 0.0, 1.0)[0], log(3), within=1e-12)
    for function in (losses.focal_loss, losses.margin_loss):
        for wrong_z in (np.zeros(3), np.zeros((0, 3)), np.zeros((2, 3, 1))):
            refuses(function, wrong_z, labels[: len(wrong_z)])
        for wrong in ([0], [0, 3], [0, -1], [[0, 1]]):
            refuses(function, z, np.array(wrong))
    refuses(losses.focal_loss, z, labels, -1.0)
    refuses(losses.focal_loss, z, labels, 2.0, np.ones(2))
    refuses(losses.focal_loss, np.zeros((2, 1)), np.zeros(2, int))
    refuses(losses.margin_loss, z, labels, 0.3, 0.0)
