"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
slope, by_loops, parts = visible["slope"], visible["by_loops"], visible["parts"]


def constant_length(dora, rng):
    """The gradients where the length of V counts as a number: that of the weights before the step."""
    W, m, A, B = parts(rng, (4, 3, 2), 2)
    G = rng.normal(size=W.shape)
    n = np.sqrt(((W + 1.5 * (B @ A).reshape(W.shape)).reshape(4, -1) ** 2).sum(axis=1))

    def value(m, A, B):
        return (G * (m / n).reshape(-1, 1, 1) * (W + 1.5 * (B @ A).reshape(W.shape))).sum()

    dm, dA, dB = dora.gradients(G, W, m, A, B, 1.5, True)
    same(dm, slope(lambda m: value(m, A, B), m), within=1e-7)
    same(dA, slope(lambda A: value(m, A, B), A), within=1e-6)
    same(dB, slope(lambda B: value(m, A, B), B), within=1e-6)


def rows_of_zeros(dora, rng):
    """V[1] = 0: the row stays 0, and gives no gradient; NaN nowhere."""
    W, m, A, B = parts(rng, (3, 4), 2)
    W[1] = -2.0 * B[1] @ A
    W[1], B[1] = 0, 0
    G = rng.normal(size=(3, 4))
    want = by_loops(W[[0, 2]], m[[0, 2]], A, B[[0, 2]], 2.0)
    got = dora.weight(W, m, A, B, 2.0)
    same(got[1], np.zeros(4))
    same(np.asarray(got)[[0, 2]], want, within=1e-10)
    for constant in (False, True):
        dm, dA, dB = dora.gradients(G, W, m, A, B, 2.0, constant)
        others = dora.gradients(G[[0, 2]], W[[0, 2]], m[[0, 2]], A, B[[0, 2]], 2.0, constant)
        same(np.asarray(dm), [others[0][0], 0, others[0][1]], within=1e-12)
        same(dA, others[1], within=1e-12)
        same(np.asarray(dB)[[0, 2]], others[2], within=1e-12)
        same(np.asarray(dB)[1], np.zeros(2))
    same(dora.change(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]])), [2.5, 1.0], within=1e-12)
    same(dora.change(np.zeros((2, 3)), np.ones((2, 3)))[1], 0.0)


def first_numbers(dora, rng):
    """A is from U(−1/√I, 1/√I), and the rank is cut."""
    W = rng.normal(size=(200, 10, 10))
    _, A, B = dora.start(W, 100, 3)
    assert 0.0995 < np.abs(A).max() <= 0.1, f"the largest number of A is {np.abs(A).max()}, expected nearly 1/√100"
    assert abs(np.abs(A).mean() - 0.05) < 0.002, f"the mean of |A| is {np.abs(A).mean()}, expected 0.05"
    same(dora.start(W, 100, 3)[1], A)
    for size, r in (((3, 7), 3), ((7, 3), 3), ((2, 2, 2), 2)):
        _, A, B = dora.start(rng.normal(size=size), 5, 0)
        same(np.shape(A), (r, np.prod(size[1:])))
        same(np.shape(B), (size[0], r))


def a_factor_of_the_direction(dora, rng):
    """W' does not change when V grows as a whole; its gradient has nothing along V."""
    W, m, A, B = parts(rng, (5, 6), 2)
    same(dora.weight(3 * W, m, A, 3 * B, 0.5), dora.weight(W, m, A, B, 0.5), within=1e-12)
    V, G = W + 0.5 * B @ A, rng.normal(size=(5, 6))
    _, _, dB = dora.gradients(G, W, m, np.eye(6), np.zeros((5, 6)), 1.0)
    same((np.asarray(dB) * W).sum(axis=1), np.zeros(5), within=1e-10)
    same(dora.gradients(V, W, m, A, B, 0.5)[1:][0], np.zeros((2, 6)), within=1e-10)


def types(dora, rng):
    W, m, A, B = (x.astype(np.float32) for x in parts(rng, (3, 2, 2), 2))
    for got in (dora.direction(W, A, B, 0.3), dora.lengths(W), dora.weight(W, m, A, B, 0.3), *dora.start(W, 2, 0),
                *dora.gradients(W, W, m, A, B, 0.3), *dora.gradients(W, W, m, A, B, 0.3, True)):
        dtype(got, np.float32)
    row = np.full((1, 1 << 18), 1e-3, np.float32)
    same(dora.lengths(row), [0.512], within=1e-6)


def refusals(dora, rng):
    W, m, A, B = parts(rng, (3, 4), 2)
    same(np.shape(dora.gradients(W, W, m, A, B, 1.0)[1]), (2, 4))                # to refuse everything is no solution
    for wrong_A, wrong_B in ((A[:, :3], B), (A, B[:2]), (A[:1], B), (A, B[:, :1]), (A[0], B)):
        refuses(dora.direction, W, wrong_A, wrong_B, 1.0)
        refuses(dora.weight, W, m, wrong_A, wrong_B, 1.0)
        refuses(dora.gradients, W, W, m, wrong_A, wrong_B, 1.0)
    for wrong_m in (m[:2], m[:, None], m[:1]):
        refuses(dora.weight, W, wrong_m, A, B, 1.0)
        refuses(dora.gradients, W, W, wrong_m, A, B, 1.0)
    refuses(dora.gradients, W[:2], W, m, A, B, 1.0)
    refuses(dora.gradients, W[:1], W, m, A, B, 1.0)
    for r in (0, -1):
        refuses(dora.start, W, r, 0)
    refuses(dora.change, W, W[:2])
    refuses(dora.change, W, W[:, :1])
