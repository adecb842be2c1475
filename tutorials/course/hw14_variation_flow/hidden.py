"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
slope, flow_by_loops, similar = visible["slope"], visible["flow_by_loops"], visible["similar"]


def averaged(f, H, W):
    """The means of blocks, pixel by pixel."""
    h, w = f.shape[2] // H, f.shape[3] // W
    m = np.zeros((*f.shape[:2], H, W))
    for i, j in np.ndindex(H, W):
        m[:, :, i, j] = f[:, :, i * h : (i + 1) * h, j * w : (j + 1) * w].mean(axis=(2, 3))
    return m


def different_pixels(student, rng):
    """The flow of maps of different sizes; the one may be higher and the other wider."""
    for a, b, size in (((4, 6), (2, 3), (2, 3)), ((2, 2), (6, 2), (2, 2)), ((4, 1), (2, 3), (2, 1))):
        f, g = rng.normal(size=(2, 3, *a)), rng.normal(size=(2, 2, *b))
        same(student.flow(f, g), flow_by_loops(averaged(f, *size), averaged(g, *size)), within=1e-12)


def gradients_through_blocks(student, rng):
    same(student.spread(np.array([[[[6.0, 12.0]]]]), (1, 1, 3, 4)), [[[[1, 1, 2, 2]] * 3]], within=1e-12)
    f, g, G_t = rng.normal(size=(2, 2, 4, 1)), rng.normal(size=(2, 3, 2, 2)), rng.normal(size=(2, 2, 3))

    def wanted(f, g):
        return ((flow_by_loops(averaged(f, 2, 1), averaged(g, 2, 1)) - G_t) ** 2).sum() / 2

    loss, df, dg = student.flow_loss(f, g, G_t)
    same(loss, wanted(f, g), within=1e-12)
    same(df, slope(lambda f: wanted(f, g), f), within=1e-7)
    same(dg, slope(lambda g: wanted(f, g), g), within=1e-7)


def turned_and_scaled(student, rng):
    """Similarities do not change when the features are turned, scaled, or have other axes."""
    x, (Q, _) = rng.normal(size=(6, 8)), np.linalg.qr(rng.normal(size=(8, 8)))
    want = student.similarities(x)
    same(student.similarities(3 * x @ Q), want, within=1e-12)
    same(student.similarities(x.reshape(6, 2, 2, 2)), want, within=1e-12)
    loss, dx = student.similarity_loss(x.reshape(6, 2, 4), want)
    same(loss, 0, within=1e-12)
    same(dx, np.zeros((6, 2, 4)), within=1e-12)


def zeros(student, rng):
    """An example whose features are all 0."""
    x, S_t = rng.normal(size=(4, 3)), rng.normal(size=(4, 4))
    x[2] = 0
    want = np.zeros((4, 4))
    rows = similar(x[[0, 1, 3]])
    want[np.ix_([0, 1, 3], [0, 1, 3])] = rows
    same(student.similarities(x), want, within=1e-12)
    loss, dx = student.similarity_loss(x, S_t)
    same(loss, ((want - S_t) ** 2).sum() / 16, within=1e-12)

    def wanted(x):                                           # the row of example 2 stays 0
        Q = x @ x.T
        S = Q[[0, 1, 3]] / np.sqrt((Q[[0, 1, 3]] ** 2).sum(axis=1, keepdims=True))
        return ((S - S_t[[0, 1, 3]]) ** 2).sum() / 16

    same(dx, slope(wanted, x), within=1e-7)
    same(student.similarity_loss(np.zeros((3, 2)), np.eye(3))[1], np.zeros((3, 2)))


def float32_and_memory(student, rng):
    f, g = rng.normal(size=(2, 2, 2, 4)).astype(np.float32), rng.normal(size=(2, 3, 2, 2)).astype(np.float32)
    G_t, S_t = rng.normal(size=(2, 2, 3)).astype(np.float32), rng.normal(size=(2, 2)).astype(np.float32)
    for got in (student.block_means(f, 1, 2), student.flow(f, g), *student.flow_loss(f, g, G_t)[1:],
                student.spread(g, (2, 3, 4, 4)), student.similarities(f), student.similarity_loss(f, S_t)[1]):
        dtype(got, np.float32)


def refusals(student, rng):
    f, g, G_t = np.ones((2, 2, 4, 4)), np.ones((2, 3, 2, 2)), np.ones((2, 2, 3))
    same(student.flow(f, g), np.ones((2, 2, 3)), within=1e-12)               # to refuse everything is no solution
    for H, W in ((3, 4), (4, 3), (8, 4)):
        refuses(student.block_means, f, H, W)
    for other in (g[0], g[:1], np.ones((2, 3, 3, 2)), np.ones((2, 3, 2, 3)), np.ones((2, 3, 4))):
        refuses(student.flow, f, other)
        refuses(student.flow_loss, f, other, G_t)
    for wrong in (G_t[:1], G_t[0], np.ones((2, 3, 2))):
        refuses(student.flow_loss, f, g, wrong)
    for wrong in (np.ones((2, 3)), np.ones((1, 1)), np.ones(2), np.ones((3, 3))):
        refuses(student.similarity_loss, np.ones((2, 5)), wrong)
