"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
all_same, linear_loops = visible["all_same"], visible["linear_loops"]


def leading_axes(layers, rng):
    """x (…, I) with any leading axes, none, and no rows at all; no bias; inputs that ask for no gradient."""
    w, b = rng.normal(size=(4, 3)), rng.normal(size=4)
    for leading in ((2, 3), (2, 1, 2), (), (0,), (2, 0)):
        x, dy = rng.normal(size=(*leading, 3)), rng.normal(size=(*leading, 4))
        n = int(np.prod(leading))
        y, dx, dw, db = linear_loops(x.reshape(n, 3), w, b, dy.reshape(n, 4))
        all_same(layers.linear_layer(x, w, b, dy), (y.reshape(dy.shape), dx.reshape(x.shape), dw, db))
        all_same(layers.linear_layer(x, w, None, dy), ((y - b).reshape(dy.shape), dx.reshape(x.shape), dw, None))
        all_same(layers.frozen_linear(x, w, b, dy, [0]), (y.reshape(dy.shape), None, dw, db))
        all_same(layers.frozen_linear(x, w, b, dy, [1, 2]), (y.reshape(dy.shape), dx.reshape(x.shape), None, None))


def matmul_loops(x, y, dz):
    """(z, dx, dy) of (…, M, K) (…, K, N), number by number over the leading axes."""
    leading = dz.shape[:-2]
    z, dx, dy = np.zeros(dz.shape), np.zeros(x.shape), np.zeros(y.shape)

    def place(i, shape):
        """Where an array of these leading axes has what belongs to i."""
        return tuple(0 if size == 1 else k for k, size in zip(i[len(i) - len(shape) :], shape, strict=True))

    for i in np.ndindex(leading):
        at_x, at_y = place(i, x.shape[:-2]), place(i, y.shape[:-2])
        z[i] = np.einsum("mk,kn->mn", x[at_x], y[at_y])
        dx[at_x] += np.einsum("mn,kn->mk", dz[i], y[at_y])
        dy[at_y] += np.einsum("mk,mn->kn", x[at_x], dz[i])
    return z, dx, dy


def broadcast_axes(layers, rng):
    for a, b in (((2,), ()), ((), (3,)), ((2, 1), (3,)), ((1, 3), (2, 1)), ((2, 3), (2, 3)), ((1,), (4,))):
        x, y = rng.normal(size=(*a, 2, 3)), rng.normal(size=(*b, 3, 4))
        dz = rng.normal(size=(*np.broadcast_shapes(a, b), 2, 4))
        all_same(layers.matmul(x, y, dz), matmul_loops(x, y, dz))


def vectors(layers, rng):
    """(K,) on either side, also beside several matrices."""
    v, x, y = rng.normal(size=3), rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
    dz = rng.normal(size=4)
    all_same(layers.matmul(v, y, dz), (np.einsum("k,kn->n", v, y), np.einsum("n,kn->k", dz, y), np.einsum("k,n->kn", v, dz)))
    dz = rng.normal(size=2)
    all_same(layers.matmul(x, v, dz), (np.einsum("mk,k->m", x, v), np.einsum("m,k->mk", dz, v), np.einsum("mk,m->k", x, dz)))
    u = rng.normal(size=3)
    all_same(layers.matmul(u, v, np.array(2.0)), (sum(a * b for a, b in zip(u, v, strict=True)), 2 * v, 2 * u))
    many, dz = rng.normal(size=(5, 3, 4)), rng.normal(size=(5, 4))
    all_same(layers.matmul(v, many, dz), (np.einsum("k,bkn->bn", v, many), np.einsum("bn,bkn->k", dz, many),
                                          np.einsum("k,bn->bkn", v, dz)))


def float32_and_memory(layers, rng):
    """float32 stays float32; arrays with gaps give the same; the inputs stay as they are."""
    arrays = [rng.normal(size=s) for s in ((2, 5, 3), (4, 3), (4,), (2, 5, 4))]
    want = layers.linear_layer(*arrays)
    got = layers.linear_layer(*(a.astype(np.float32) for a in arrays))
    all_same(got, want, within=1e-4)
    for g in got:
        dtype(g, np.float32)
    all_same(layers.strided_linear(*arrays), want)
    for after, before in zip(layers.inputs_after(*arrays), arrays, strict=True):
        same(after, before)


def refusals(layers, rng):
    ones, dy = np.ones, np.ones((2, 3))
    all_same(layers.linear_layer(ones((2, 4)), ones((3, 4)), ones(3), dy)[:1], (np.full((2, 3), 5.0),))  # what fits is taken
    refuses(layers.linear_layer, ones((2, 4)), ones((3, 5)), ones(3), dy)
    refuses(layers.linear_layer, ones((2, 4)), ones((3, 4)), ones(4), dy)
    refuses(layers.forward_alone, ones((2, 4)), ones((3, 4)), ones(1))        # NumPy would broadcast it
    refuses(layers.linear_layer, ones((2, 4)), ones(4), None, ones(2))
    refuses(layers.linear_layer, np.array(1.0), ones((3, 1)), None, ones(3))
    refuses(layers.linear_layer, ones((2, 4)), ones((3, 4), np.float32), ones(3), dy, error=TypeError)
    refuses(layers.matmul, ones((2, 3)), ones((4, 5)), ones((2, 5)))
    refuses(layers.matmul, ones((2, 3)), ones(4), ones(2))
    refuses(layers.matmul, np.array(1.0), ones((3, 4)), ones((3, 4)))
    refuses(layers.matmul, ones((2, 2, 3)), ones((3, 3, 4)), ones((2, 2, 4)))
    refuses(layers.matmul, ones((2, 3)), ones((3, 4), np.float32), ones((2, 4)), error=TypeError)


def tables(layers, rng):
    w = rng.normal(size=(6, 3))
    for shape in ((4,), (2, 5), (), (0,)):
        indices, dy = rng.integers(0, 6, shape), rng.normal(size=(*shape, 3))
        y, dw = np.zeros(dy.shape), np.zeros(w.shape)
        for i in np.ndindex(shape):
            y[i] = w[indices[i]]
            dw[indices[i]] += dy[i]
        all_same(layers.embedding(indices, w, dy), (y, dw))
    for wrong in (-1, 6):
        refuses(layers.embedding, np.array([0, wrong]), w, np.ones((2, 3)))
