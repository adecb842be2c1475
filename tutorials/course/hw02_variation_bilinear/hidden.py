"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

loops = tests_of(Path(__file__).with_name("visible.py"))["loops"]


def leading_axes(layers, rng):
    w, b = rng.normal(size=(3, 2, 4)), rng.normal(size=3)
    for leading in ((2, 3), (), (0,), (2, 1, 2)):
        x, z, dy = (rng.normal(size=(*leading, k)) for k in (2, 4, 3))
        n = int(np.prod(leading))
        y, dx, dz, dw, db = loops(x.reshape(n, 2), z.reshape(n, 4), w, b, dy.reshape(n, 3))
        same(layers.bilinear(x, z, w, b), y.reshape(dy.shape), within=1e-10)
        same(layers.bilinear(x, z, w), (y - b).reshape(dy.shape), within=1e-10)
        got = layers.bilinear_gradients(x, z, w, dy)
        for g, want in zip(got, (dx.reshape(x.shape), dz.reshape(z.shape), dw, db), strict=True):
            same(g, want, within=1e-10)


def float32(layers, rng):
    x, z, w, b, dy = (rng.normal(size=s).astype(np.float32) for s in ((3, 2), (3, 4), (2, 2, 4), (2,), (3, 2)))
    want = loops(*(a.astype(float) for a in (x, z, w, b, dy)))
    for g, wanted in zip((layers.bilinear(x, z, w, b), *layers.bilinear_gradients(x, z, w, dy)), want, strict=True):
        dtype(g, np.float32)
        same(g, wanted, within=1e-4)
    for g in layers.factored_gradients(*(rng.normal(size=s).astype(np.float32) for s in ((4, 5), (3, 2), (2, 5), (4, 3)))):
        dtype(g, np.float32)


def memory(layers, rng):
    """N·O·I·J numbers would be 8 GB here, O·I numbers of the factored layer 3 GB; the process has 2 GB."""
    x, z, w, dy = (rng.normal(size=s) for s in ((1000, 100), (1000, 100), (100, 100, 100), (1000, 100)))
    same(layers.bilinear(x, z, w)[7], np.einsum("i,oij,j->o", x[7], w, z[7]), within=1e-7)
    dx, dz, dw, _ = layers.bilinear_gradients(x, z, w, dy)
    same(dx[7], np.einsum("o,oij,j->i", dy[7], w, z[7]), within=1e-7)
    same(dz[7], np.einsum("o,oij,i->j", dy[7], w, x[7]), within=1e-7)
    same(dw[3, 4], np.einsum("n,n,nj->j", dy[:, 3], x[:, 4], z), within=1e-7)


def memory_of_thin_matrices(layers, rng):
    """O·I numbers would be 3 GB."""
    x, u, v, dy = (rng.normal(size=s) for s in ((3, 20_000), (20_000, 2), (2, 20_000), (3, 20_000)))
    y, dx, du, dv = layers.factored_gradients(x, u, v, dy)
    inner, d_inner = np.einsum("ni,ri->nr", x, v), np.einsum("no,or->nr", dy, u)
    same(y[:, 5], inner @ u[5], within=1e-7)
    same(dx[:, 5], d_inner @ v[:, 5], within=1e-7)
    same(du[5], dy[:, 5] @ inner, within=1e-7)
    same(dv[:, 5], d_inner.T @ x[:, 5], within=1e-7)


def refusals(layers, rng):
    ones = np.ones
    same(layers.bilinear(ones((2, 3)), ones((2, 4)), ones((5, 3, 4)), ones(5)), np.full((2, 5), 13.0))
    refuses(layers.bilinear, ones((2, 3)), ones((2, 4)), ones((5, 4, 3)))
    refuses(layers.bilinear, ones((2, 3)), ones((1, 4)), ones((5, 3, 4)))     # NumPy would broadcast it
    refuses(layers.bilinear, ones((2, 3)), ones((2, 4)), ones((3, 4)))
    refuses(layers.bilinear, ones((2, 3)), ones((2, 4)), ones((5, 3, 4)), ones(1))
    refuses(layers.bilinear, ones((2, 3)), ones((2, 4)), ones((5, 3, 4), np.float32), error=TypeError)
    refuses(layers.bilinear, ones((2, 3), int), ones((2, 4), int), ones((5, 3, 4), int), error=TypeError)
