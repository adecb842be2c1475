"""The tests that students have. student: variation.py, or the grader's link to it."""

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


def flow_by_loops(f, g):
    """G for maps with the same pixels, number by number."""
    G = np.zeros((len(f), f.shape[1], g.shape[1]))
    for n, c, d in np.ndindex(G.shape):
        G[n, c, d] = np.mean([f[n, c, i, j] * g[n, d, i, j] for i, j in np.ndindex(f.shape[2:])])
    return G


def similar(x):
    """S, row by row, for features without a row of zeros."""
    Q = [[sum(float(a) * float(b) for a, b in zip(u, v, strict=True)) for v in x] for u in x]
    return np.array([[q / np.sqrt(sum(p * p for p in row)) for q in row] for row in Q])


def blocks_by_hand(student, rng):
    f = np.arange(24.0).reshape(1, 1, 4, 6)
    same(student.block_means(f, 2, 2), [[[[4, 7], [16, 19]]]], within=1e-12)
    same(student.block_means(f, 4, 6), f)
    same(student.block_means(f, 1, 3), [[[[9.5, 11.5, 13.5]]]], within=1e-12)


def flow_by_hand(student, rng):
    """Two pixels: (1·3 + 2·4)/2 and (1·1 + 2·0)/2; the second channel of f is the first one doubled."""
    f, g = np.array([[[[1.0, 2.0]], [[2.0, 4.0]]]]), np.array([[[[3.0, 4.0]], [[1.0, 0.0]]]])
    same(student.flow(f, g), [[[5.5, 0.5], [11, 1]]], within=1e-12)
    f, g = rng.normal(size=(3, 2, 4, 5)), rng.normal(size=(3, 6, 4, 5))
    same(student.flow(f, g), flow_by_loops(f, g), within=1e-12)


def loss_of_the_flow(student, rng):
    f, g, G_t = rng.normal(size=(3, 2, 2, 3)), rng.normal(size=(3, 4, 2, 3)), rng.normal(size=(3, 2, 4))

    def wanted(f, g):
        return ((flow_by_loops(f, g) - G_t) ** 2).sum() / 3

    loss, df, dg = student.flow_loss(f, g, G_t)
    same(loss, wanted(f, g), within=1e-12)
    same(df, slope(lambda f: wanted(f, g), f), within=1e-7)
    same(dg, slope(lambda g: wanted(f, g), g), within=1e-7)


def similarities_by_hand(student, rng):
    """Rows of Q: (9, 12) and (12, 16), both of the direction (0.6, 0.8). Then (1, 0), (0, 4) and (1, 4), whose Q is not so."""
    same(student.similarities(np.array([[3.0], [4.0]])), [[0.6, 0.8], [0.6, 0.8]], within=1e-12)
    want = [[1 / np.sqrt(2), 0, 1 / np.sqrt(2)], [0, 1 / np.sqrt(2), 1 / np.sqrt(2)],
            np.array([1, 16, 17]) / np.sqrt(1 + 256 + 289)]
    same(student.similarities(np.array([[1.0, 0.0], [0.0, 4.0], [1.0, 4.0]])), want, within=1e-12)
    x = rng.normal(size=(5, 3))
    same(student.similarities(x), similar(x), within=1e-12)


def loss_of_the_similarities(student, rng):
    x, S_t = rng.normal(size=(4, 3)), rng.normal(size=(4, 4))

    def wanted(x):
        return ((similar(x) - S_t) ** 2).sum() / 16

    loss, dx = student.similarity_loss(x, S_t)
    same(loss, wanted(x), within=1e-12)
    same(dx, slope(wanted, x), within=1e-7)


def digits(student, rng):
    """Twelve neurons learn, without a label, to find those digits alike that 48 trained neurons find alike.

    A layer above the twelve is fitted by least squares, to 200 images; the other 160 images are the test.
    """
    net = stored("network")
    images, y = (net["images"] / 255 - 0.3055) / 0.376, net["labels"].astype(int)
    u = np.maximum(images @ net["w1"].T + net["b1"], 0)
    w, b = rng.normal(size=(12, 64)) / 8, np.zeros(12)

    def right():
        h = np.concatenate([np.maximum(images @ w.T + b, 0), np.ones((len(images), 1))], axis=1)
        above = np.linalg.lstsq(h[:200], np.eye(10)[y[:200]], rcond=None)[0]
        return int((np.argmax(h[200:] @ above, axis=1) == y[200:]).sum())

    losses, before = [], right()
    for _ in range(20):
        for at in rng.permutation(200).reshape(4, 50):
            z = images[at] @ w.T + b
            loss, dh = student.similarity_loss(np.maximum(z, 0), student.similarities(u[at]))
            dz = dh * (z > 0)
            w, b = w - 30 * dz.T @ images[at], b - 30 * dz.sum(axis=0)
            losses.append(float(loss))
    first, last, after = np.mean(losses[:4]), np.mean(losses[-4:]), right()
    assert last < 0.7 * first, f"the loss fell from {first:.2g} to {last:.2g} only"
    assert after > before, f"{after} of 160 right with the learned features, {before} with those of the start"
