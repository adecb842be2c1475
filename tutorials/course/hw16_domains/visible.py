"""The tests that students have. domains: scenarios.py, or the grader's link to it."""

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


def covariance(x):
    """C, number by number."""
    n, d = x.shape
    mean = [sum(x[:, j]) / n for j in range(d)]
    return np.array([[sum((r[j] - mean[j]) * (r[k] - mean[k]) for r in x) / (n - 1) for k in range(d)] for j in range(d)])


def loss(x, y):
    d = x.shape[1]
    return ((covariance(x) - covariance(y)) ** 2).sum() / (4 * d * d)


def alike(x, y):
    """CKA by the n × n matrices of similarities: tr(K H L H), divided by its values for K alone and for L alone."""
    n = len(x)
    H = np.eye(n) - 1 / n
    K, L = H @ x @ x.T @ H, H @ y @ y.T @ H
    return np.trace(K @ L) / np.sqrt(np.trace(K @ K) * np.trace(L @ L))


def covariance_and_loss_by_hand(domains, rng):
    """Two samples (0, 0) and (2, 4): each differs from the mean by (1, 2), so C = 2 · (1, 2)ᵀ(1, 2)."""
    x = np.array([[0.0, 0.0], [2.0, 4.0]])
    same(domains.covariance(x), [[2, 4], [4, 8]], within=1e-12)
    y = np.array([[7.0, 1.0], [7.0, 3.0], [7.0, 2.0]])         # C = [[0, 0], [0, 1]]
    same(domains.coral_loss(x, y)[0], (4 + 16 + 16 + 49) / 16, within=1e-12)
    x = rng.normal(size=(6, 3))
    same(domains.covariance(x), covariance(x), within=1e-12)


def loss_and_gradients(domains, rng):
    for n, m, d in ((5, 7, 3), (2, 4, 2)):
        x, y = rng.normal(size=(n, d)), 2 * rng.normal(size=(m, d)) + 1
        got, dx, dy = domains.coral_loss(x, y)
        same(got, loss(x, y), within=1e-12)
        same(dx, slope(lambda x: loss(x, y), x), within=1e-7)                                          # noqa: B023
        same(dy, slope(lambda y: loss(x, y), y), within=1e-6)                                          # noqa: B023


def powers_of_matrices(domains, rng):
    same(domains.matrix_power(np.array([[4.0, 0.0], [0.0, 9.0]]), -0.5), [[1 / 2, 0], [0, 1 / 3]], within=1e-12)
    same(domains.matrix_power(np.array([[5.0, 4.0], [4.0, 5.0]]), 0.5), [[2, 1], [1, 2]], within=1e-12)
    x = rng.normal(size=(4, 9))
    C = x @ x.T
    root = np.asarray(domains.matrix_power(C, 0.5))
    same(root @ root, C, within=1e-9)
    same(root, root.T, within=1e-12)
    same(domains.matrix_power(C, -0.5) @ root, np.eye(4), within=1e-9)
    same(domains.matrix_power(C, 2), C @ C, within=1e-8)


def recoloured_by_hand(domains, rng):
    """One feature: the variance 3 becomes that of 8 by the factor (3 + 1)^(−½) (8 + 1)^½ = 3/2, and the mean 0 becomes 6."""
    same(domains.recoloured(np.array([[-1.0], [2.0], [-1.0]]), np.array([[8.0], [4.0]])), [[4.5], [9.0], [4.5]], within=1e-12)
    x, y = 30 * rng.normal(size=(50, 3)), 40 * rng.normal(size=(40, 3)) @ rng.normal(size=(3, 3)) + 7
    z = np.asarray(domains.recoloured(x, y))
    same(z.mean(axis=0), y.mean(axis=0), within=1e-9)
    C = covariance(y)
    same(covariance(z), C, within=0.05 * np.abs(C).max())


def distance(domains, rng):
    """The root of the loss."""
    x, y = rng.normal(size=(8, 3)), 3 * rng.normal(size=(6, 3))
    same(domains.coral_distance(x, y), np.sqrt(loss(x, y)), within=1e-12)
    same(domains.coral_distance(x, x + 5), 0.0, within=1e-12)


def alike_by_kernels(domains, rng):
    """CKA by covariances is CKA by similarities; it does not change when features are turned, scaled and moved."""
    same(domains.linear_cka(np.array([[0.0], [1.0], [2.0], [5.0]]), np.array([[1.0], [3.0], [5.0], [11.0]])), 1.0, within=1e-12)
    x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 6))
    same(domains.linear_cka(x, y), alike(x, y), within=1e-10)
    Q, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    same(domains.linear_cka(x, 3 * y @ Q + 2), alike(x, y), within=1e-10)
    same(domains.linear_cka(x, x @ np.linalg.qr(rng.normal(size=(4, 4)))[0]), 1.0, within=1e-10)


def hsic_by_fours(domains, rng):
    """The unbiased HSIC is a mean over all ordered fours of different samples."""
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 3))
    K, L = x @ x.T, y @ y.T
    terms = [K[i, j] * (L[i, j] + L[q, r] - 2 * L[i, q]) for i in range(6) for j in range(6) for q in range(6) for r in range(6)
             if len({i, j, q, r}) == 4]
    same(domains.hsic1(K, L), np.mean(terms), within=1e-9)


def digits(domains, rng):
    """A camera makes lower rows up to fifteen times as bright. The labels are those of the old images only.

    A linear classifier by least squares learns the old images as they are, or recoloured. It reads 360 new ones.
    """
    data = stored("digits")
    lamp = np.linspace(0.8, 12, 64)
    x, y, new = data["images"] / 4, data["labels"], data["test_images"] / 16 * lamp + 2

    def right(x):
        ones = np.concatenate([x, np.ones((len(x), 1))], axis=1)
        w = np.linalg.solve(ones.T @ ones + np.eye(65), ones.T @ np.eye(10)[y])
        return int((np.argmax(new @ w[:64] + w[64], axis=1) == data["test_labels"]).sum())

    before, after = right(x), right(np.asarray(domains.recoloured(x, new)))
    assert after >= before + 80, f"{after} of 360 right with recoloured features, {before} without"


def two_networks(domains, rng):
    """Two networks of different widths that were trained on digits are alike; a network that was not is another one."""
    first, second = stored("network"), stored("small_network")
    x = (first["images"] / 255 - 0.3055) / 0.376
    h, k, other = (np.maximum(x @ w.T + b, 0) for w, b in ((first["w1"], first["b1"]), (second["w1"], second["b1"]),
                                                           (rng.normal(size=(48, 64)) / 8, 0)))
    for debiased in (False, True):
        trained, random = domains.linear_cka(h, k, debiased), domains.linear_cka(h, other, debiased)
        assert trained > 0.9 > 0.85 > random, f"CKA {trained:.3f} of the trained networks, {random:.3f} of a random one"
