"""The tests that students have. pruning: scenarios.py, or the grader's link to it."""

from itertools import combinations
from math import cos, pi

import numpy as np
from checking import same, stored


def positive(rng, K):
    """A symmetric matrix with eigenvalues above 0."""
    x = rng.normal(size=(3 * K, K))
    return x.T @ x / (3 * K)


def nearest(w, H, kept):
    """The v that is 0 but for the places `kept` and has the least (v − w)ᵀ H (v − w): least squares with H's root."""
    root = np.linalg.cholesky(H).T
    v = np.zeros(len(w))
    v[kept] = np.linalg.lstsq(root[:, kept], root @ w, rcond=None)[0]
    return v


def energy(v, w, H):
    return (v - w) @ H @ (v - w) / 2


def scores_by_hand(pruning, rng):
    w = np.array([[1.0, -2.0], [0.5, 0.0]])
    same(pruning.taylor_scores(w, np.array([[-3.0, 0.5], [4.0, 7.0]])), [[3, 1], [2, 0]], within=1e-12)
    same(pruning.obd_scores(w, np.array([[4.0, 1.0], [0.0, 3.0]])), [[2, 2], [0, 0]], within=1e-12)


def shares(pruning, rng):
    """|g w| is 1, 1 and 6, and 2 in the other layer: ten in all."""
    got = pruning.snip_scores((np.array([[1.0, -2.0, 3.0]]), np.array([4.0])), (np.array([[1.0, 0.5, -2.0]]), np.array([0.5])))
    same(got[0], [[0.1, 0.1, 0.6]], within=1e-12)
    same(got[1], [0.2], within=1e-12)


def one_weight_less(pruning, rng):
    """H = [[2, 1], [1, 1]], so H⁻¹ = [[1, −1], [−1, 2]]."""
    w, inverse = np.array([3.0, 4.0]), np.array([[1.0, -1.0], [-1.0, 2.0]])
    same(pruning.saliencies(w, inverse), [9 / 2, 16 / 4], within=1e-12)
    same(pruning.compensation(w, inverse, 0), [-3, 3], within=1e-12)
    same(pruning.compensation(w, inverse, 1), [2, -4], within=1e-12)
    H, w = positive(rng, 5), rng.normal(size=5)
    for q in range(5):
        v = nearest(w, H, [i for i in range(5) if i != q])
        same(w + pruning.compensation(w, np.linalg.inv(H), q), v, within=1e-9)
        same(pruning.saliencies(w, np.linalg.inv(H))[q], energy(v, w, H), within=1e-9)


def inverses(pruning, rng):
    H = positive(rng, 6)
    for q in (0, 3, 5):
        smaller = np.delete(np.delete(H, q, axis=0), q, axis=1)
        same(pruning.without_index(np.linalg.inv(H), q), np.linalg.inv(smaller), within=1e-8)


def one_by_one(pruning, rng):
    """Each weight that goes is the best of those left, and the others are then the best that they can be."""
    H, w = positive(rng, 6), rng.normal(size=6)
    new, removed, cost, *_ = pruning.remove_one_by_one(w, np.linalg.inv(H), 4)
    kept, v = list(range(6)), w
    for q, c in zip(np.asarray(removed).tolist(), np.asarray(cost).tolist(), strict=True):
        rises = {i: energy(nearest(w, H, [j for j in kept if j != i]), w, H) - energy(v, w, H) for i in kept}
        assert q in kept and rises[q] <= min(rises.values()) + 1e-9, f"{q} went; each weight would cost {rises}"
        same(c, rises[q], within=1e-9)
        kept.remove(q)
        v = nearest(w, H, kept)
    same(new, v, within=1e-8)


def best_of_a_choice(pruning, rng):
    H, w = positive(rng, 5), rng.normal(size=5)
    for kept in combinations(range(5), 3):
        same(pruning.least_squares(w, H, np.array(kept)), nearest(w, H, list(kept)), within=1e-8)


def exchange_by_hand(pruning, rng):
    for t in (0, 30, 75, 99):
        same(pruning.regrown_fraction(t, 100), 0.15 * (1 + cos(pi * t / 100)), within=1e-12)
    same(pruning.regrown_fraction(5, 20, 0.8), 0.4 * (1 + cos(pi / 4)), within=1e-12)
    w, g = np.array([5.0, 0.1, -3.0, 0, 0, 0]), np.array([9.0, 0, 0, 1.0, -2.0, 0.5])
    mask = np.array([True, True, True, False, False, False])
    same(pruning.regrown_mask(w, g, mask, 1 / 3)[0], [True, False, True, False, True, False])
    same(pruning.regrown_mask(w, g, mask, 2 / 3)[0], [True, False, False, True, True, False])
    same(pruning.regrown_mask(w, g, mask, 0.0)[0], mask)


def digits(pruning, rng):
    """The last layer of a network that knows digits, with 12 of its 48 weights for each digit, and no training."""
    net = stored("network")
    x, b2 = (net["images"] / 255 - 0.3055) / 0.376, net["b2"].astype(np.float64)
    h = np.maximum(x @ net["w1"].T + net["b1"], 0).astype(np.float64)
    ones = np.concatenate([h, np.ones((360, 1))], axis=1)
    H = ones[:200].T @ ones[:200] / 200
    inverse = np.linalg.inv(H + 1e-4 * np.mean(np.diag(H)) * np.eye(49))
    rows = np.concatenate([net["w2"].astype(np.float64), b2[:, None]], axis=1)
    small = np.where(np.abs(rows) >= np.sort(np.abs(rows[:, :48]), axis=1)[:, 36:37], rows, 0)
    small[:, 48] = b2
    made_up = np.array([pruning.remove_one_by_one(row, inverse, 36, 1)[0] for row in rows])
    same((made_up[:, :48] != 0).sum(axis=1), np.full(10, 12))

    def wrong(rows):
        return int((np.argmax(ones[200:] @ rows.T, axis=1) != net["labels"][200:]).sum())

    best, plain = (np.square(ones[200:] @ (r - rows).T).mean() for r in (made_up, small))
    assert best < 0.5 * plain, f"the logits change by {best:.3g}, by {plain:.3g} without the small weights"
    assert wrong(made_up) <= wrong(small), f"{wrong(made_up)} of 160 wrong, {wrong(small)} without the small weights"
