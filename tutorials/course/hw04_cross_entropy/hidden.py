"""The tests that only the grader has."""

from math import log
from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
slope, one_softmax = visible["slope"], visible["one_softmax"]
INF = np.inf


def logsumexp(losses, rng):
    x = rng.normal(size=(2, 3, 4))
    for dim, shape in ((1, (2, 4)), (-1, (2, 3)), ((0, 2), (3,)), ((0, 1, 2), ())):
        dy = np.array(rng.normal(size=shape))
        kept = np.log(np.exp(x).sum(axis=dim, keepdims=True))
        y, dx = losses.logsumexp(x, dim, False, dy)
        same(y, kept.reshape(shape), within=1e-12)
        same(dx, slope(lambda x: (np.log(np.exp(x).sum(axis=dim)) * dy).sum(), x), within=1e-7)     # noqa: B023
        y, again = losses.logsumexp(x, dim, True, dy.reshape(kept.shape))
        same(y, kept, within=1e-12)
        same(again, dx, within=1e-12)
    y, dx = losses.logsumexp(np.array([[5000.0, 5000.0], [-INF, -INF], [-INF, 3.0]]), 1, False, np.ones(3))
    same(y, [5000 + log(2), -INF, 3.0], within=1e-9)
    same(dx, [[0.5, 0.5], [0, 0], [0, 1]])


def minus_infinity(losses, rng):
    z = np.array([[0.0, -INF, 0.0]])
    same(losses.softmax_array(z), [[0.5, 0, 0.5]])
    same(losses.log_softmax_array(z), [[-log(2), -INF, -log(2)]], within=1e-12)
    for target in (np.array([2]), np.array([[0.0, 0.0, 1.0]])):
        loss, dz = losses.cross_entropy(z, target)
        same(loss, log(2), within=1e-12)
        same(dz, [[0.5, 0, -0.5]], within=1e-12)
    same(losses.cross_entropy(z, np.array([1]))[0], INF)
    same(losses.times_log(np.array([[0.0, 0.5], [0.0, 2.0]]), np.array([[-INF, -2.0], [0.0, -INF]])), [[0, -1], [0, -INF]])
    loss, dl = losses.nll_loss(np.array([[-INF, 0.0]]), np.array([1]))
    same(loss, 0.0)
    same(dl, [[0, -1]])


def places(losses, rng):
    z, y = rng.normal(size=(2, 4, 3, 5)), rng.integers(0, 4, (2, 3, 5))
    want = np.zeros(y.shape)
    gradient, scale = np.zeros(z.shape), rng.normal(size=y.shape)
    for n, i, j in np.ndindex(y.shape):
        p = one_softmax(z[n, :, i, j])
        want[n, i, j] = -log(p[y[n, i, j]])
        gradient[n, :, i, j] = (p - np.eye(4)[y[n, i, j]]) * scale[n, i, j]
    loss, dz = losses.cross_entropy(z, y, dl=scale, reduction="none")
    same(loss, want, within=1e-12)
    same(dz, gradient, within=1e-12)
    same(losses.cross_entropy(z, y)[0], want.mean(), within=1e-12)
    t, kept = losses.target_distribution(y, z.shape, np.float64)
    same(kept, np.ones(y.shape))
    same(t.argmax(axis=1), y)
    same(t.sum(axis=1), np.ones(y.shape))
    one, d_one = losses.cross_entropy(z[0, :, 0, 0], np.array(y[0, 0, 0]))
    same(one, want[0, 0, 0], within=1e-12)
    same(d_one, one_softmax(z[0, :, 0, 0]) - np.eye(4)[y[0, 0, 0]], within=1e-12)


def ignored(losses, rng):
    z, y = rng.normal(size=(4, 3)), np.array([0, 1, 2, 1])
    for ignore_index in (1, -1):
        given = y if ignore_index == 1 else np.where(y == 1, -1, y)
        t, kept = losses.target_distribution(given, (4, 3), np.float64, ignore_index)
        same(t, [[1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]])
        same(kept, [1, 0, 1, 0])
        loss, dz = losses.cross_entropy(z, given, ignore_index=ignore_index, label_smoothing=0.0)
        few, d_few = losses.cross_entropy(z[[0, 2]], y[[0, 2]])
        same(loss, few, within=1e-12)
        same(dz, [d_few[0], np.zeros(3), d_few[1], np.zeros(3)], within=1e-12)


def likelihoods(losses, rng):
    """nll_loss, and probabilities that do not sum to 1."""
    z, t = rng.normal(size=(3, 4)), rng.uniform(0, 2, (3, 4))
    log_p = np.log([one_softmax(row) for row in z])
    want = -(t * log_p).sum() / 3
    loss, dl = losses.nll_loss(log_p, t)
    same(loss, want, within=1e-12)
    same(dl, -t / 3, within=1e-12)
    loss, dz = losses.cross_entropy(z, t)
    same(loss, want, within=1e-12)
    same(dz, slope(lambda z: -(t * np.log([one_softmax(row) for row in z])).sum() / 3, z), within=1e-7)
    loss, dl = losses.nll_loss(log_p, np.array([0, 3, 3]), dl=np.array([1.0, 2.0, -1.0]), reduction="none")
    same(loss, -log_p[[0, 1, 2], [0, 3, 3]], within=1e-12)
    same(dl, [[-1, 0, 0, 0], [0, 0, 0, -2], [0, 0, 0, 1]], within=1e-12)


def refusals(losses, rng):
    z = np.zeros((2, 3))
    same(losses.cross_entropy(z, np.array([0, 2]))[0], log(3), within=1e-12)           # to refuse everything is no solution
    same(losses.target_distribution(np.array([[True, False]]), (1, 2), np.float64)[0], [[1, 0]])
    for target in ([0, 3], [0, -1], [[0, 1]], [0, 1, 2], [[1, 0, 0], [0, 0, 1]]):
        refuses(losses.target_distribution, np.array(target), (2, 3), np.float64)
    for target in ([0.0, 1.0], [[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0, 0.0], [1.1, 0.0, -0.1]]):
        refuses(losses.target_distribution, np.array(target), (2, 3), np.float64)


def float32_and_memory(losses, rng):
    z, y = rng.normal(size=(2, 3)).astype(np.float32), np.array([0, 1])
    for function in (losses.softmax_array, losses.log_softmax_array):
        dtype(function(z), np.float32)
        same(function(np.zeros((0, 3), np.float32)), np.zeros((0, 3)))
        same(function(np.zeros((3, 0), np.float32)), np.zeros((3, 0)))
    for array in (*losses.cross_entropy(z, y), *losses.cross_entropy(z, np.eye(3)[y])):
        dtype(array, np.float32)
    dtype(losses.target_distribution(y, (2, 3), np.float32)[0], np.float32)
    dtype(losses.target_distribution(np.eye(3)[y], (2, 3), np.float32)[0], np.float32)
    z_after, y_after = losses.inputs_after(z, y)
    same(z_after, z)
    same(y_after, y)
