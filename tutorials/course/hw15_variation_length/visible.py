"""The tests that students have. dora: variation.py, or the grader's link to it."""

import numpy as np
from checking import same, stored


def slope(f, x, h=1e-5):
    """The gradient of a number f(x), by central differences."""
    dx = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = h
        dx[i] = (f(x + step) - f(x - step)) / (2 * h)
    return dx


def by_loops(W, m, A, B, s):
    """W', number by number."""
    V = W.reshape(len(W), -1).copy()
    for o, i in np.ndindex(V.shape):
        V[o, i] += s * sum(B[o, k] * A[k, i] for k in range(len(A)))
    for o in range(len(V)):
        V[o] *= m[o] / np.sqrt(sum(v * v for v in V[o]))
    return V.reshape(W.shape)


def parts(rng, size, r):
    W, m, I = rng.normal(size=size), rng.normal(size=size[0]), int(np.prod(size[1:]))
    return W, m, rng.normal(size=(r, I)), rng.normal(size=(size[0], r))


def by_hand(dora, rng):
    """½ · 2 · (4, 1.5) beside (−1, 2.5) makes (3, 4), whose length is 5; the second row stays (0, 2). m = (10, −1)."""
    W, A, B = np.array([[-1.0, 2.5], [0.0, 2.0]]), np.array([[4.0, 1.5]]), np.array([[2.0], [0.0]])
    same(dora.direction(W, A, B, 0.5), [[3, 4], [0, 2]], within=1e-12)
    same(dora.lengths(np.array([[3.0, 4.0], [0.0, -2.0]])), [5, 2], within=1e-12)
    same(dora.weight(W, np.array([10.0, -1.0]), A, B, 0.5), [[6, 8], [0, -1]], within=1e-12)


def matrices_and_kernels(dora, rng):
    for size, r in (((5, 7), 2), ((4, 2, 3, 2), 3), ((1, 3), 1)):
        W, m, A, B = parts(rng, size, r)
        same(dora.weight(W, m, A, B, 1.5), by_loops(W, m, A, B, 1.5), within=1e-10)


def the_start(dora, rng):
    """W' is W at first, whatever A is; only B and m are moved by the first step."""
    W = rng.normal(size=(6, 3, 2))
    m, A, B = dora.start(W, 4, 0)
    same(m, [np.sqrt(sum(v * v for v in row.flat)) for row in W], within=1e-12)
    same(np.shape(A), (4, 6))
    same(B, np.zeros((6, 4)))
    same(dora.weight(W, m, A, B, 2.0), W, within=1e-12)
    dm, dA, dB = dora.gradients(rng.normal(size=W.shape), W, m, A, B, 2.0)
    assert np.all(dm) and np.any(dB), "the first step moves neither m nor B"
    same(dA, np.zeros((4, 6)))


def all_gradients(dora, rng):
    for size, r in (((4, 5), 2), ((3, 2, 2, 1), 3)):
        W, m, A, B = parts(rng, size, r)
        G = rng.normal(size=size)
        dm, dA, dB = dora.gradients(G, W, m, A, B, 0.75)
        same(dm, slope(lambda m: (G * by_loops(W, m, A, B, 0.75)).sum(), m), within=1e-7)              # noqa: B023
        same(dA, slope(lambda A: (G * by_loops(W, m, A, B, 0.75)).sum(), A), within=1e-6)              # noqa: B023
        same(dB, slope(lambda B: (G * by_loops(W, m, A, B, 0.75)).sum(), B), within=1e-6)              # noqa: B023


def lengths_and_directions(dora, rng):
    """A quarter turn and a length from 1 to 3; a row that only grows; a row that turns round."""
    before, after = np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 2.0]]), np.array([[0.0, 3.0], [6.0, 8.0], [0.0, -2.0]])
    length, turned = dora.change(before, after)
    same(length, (2 + 5 + 0) / 3, within=1e-12)
    same(turned, (1 + 0 + 2) / 3, within=1e-12)


def digits(dora, rng):
    """A network that knows digits learns them in the mirror: only fc1's m, A and B train, and the head."""
    net = stored("network")
    x, y = (net["images"] / 255 - 0.3055) / 0.376, net["labels"].astype(int)
    x = x.reshape(-1, 8, 8)[:, :, ::-1].reshape(-1, 64)
    W, b1, w2, b2 = (net[name].astype(np.float64) for name in ("w1", "b1", "w2", "b2"))

    def right(w1):
        return int((np.argmax(np.maximum(x[240:] @ w1.T + b1, 0) @ w2.T + b2, axis=1) == y[240:]).sum())

    before, (m, A, B) = right(W), dora.start(W, 4, rng.integers(1000))
    for at in np.concatenate([rng.permutation(240).reshape(8, 30) for _ in range(15)]):
        h = np.maximum(x[at] @ dora.weight(W, m, A, B, 1.0).T + b1, 0)
        e = np.exp(h @ w2.T + b2)
        dz = (e / e.sum(axis=1, keepdims=True) - np.eye(10)[y[at]]) / len(at)
        dm, dA, dB = dora.gradients((dz @ w2 * (h > 0)).T @ x[at], W, m, A, B, 1.0)
        w2, b2 = w2 - 0.1 * dz.T @ h, b2 - 0.1 * dz.sum(axis=0)
        m, A, B = m - 0.1 * dm, A - 0.1 * dA, B - 0.1 * dB
    after = right(dora.weight(W, m, A, B, 1.0))
    assert after >= before + 25, f"{after} of 120 right in the mirror, {before} before"
