"""The tests that students have. groups: variation.py, or the grader's link to it."""

from itertools import combinations

import numpy as np
from checking import same, stored


def cost_of(w, h):
    """Σ h (w − c)² with the best c, number by number."""
    if len(w) == 0 or sum(h) == 0:
        return 0.0
    c = sum(a * b for a, b in zip(w, h, strict=True)) / sum(h)
    return sum(b * (a - c) ** 2 for a, b in zip(w, h, strict=True))


def best_cost(w, h, k):
    """The least cost of sorted numbers in k groups, by trying all cuts."""
    ends = [(0, *cuts, len(w)) for cuts in combinations(range(1, len(w)), k - 1)]
    return min(sum(cost_of(w[a:b], h[a:b]) for a, b in zip(cut, cut[1:], strict=False)) for cut in ends)


def sums_by_hand(groups, rng):
    same(groups.running_sums(np.array([1.0, 3.0, -2.0]), np.array([2.0, 1.0, 0.5])),
         [[0, 2, 3, 3.5], [0, 2, 5, 4], [0, 2, 11, 13]])


def costs_of_groups(groups, rng):
    w, h = np.sort(rng.normal(size=9)), rng.uniform(0.5, 2, 9)
    sums = groups.running_sums(w, h)
    for i in range(9):
        same(groups.group_cost(sums, i, 9), cost_of(w[i:], h[i:]), within=1e-9)
    same(groups.group_cost(sums, np.array([0, 2, 4]), np.array([3, 2, 9])),
         [cost_of(w[:3], h[:3]), 0.0, cost_of(w[4:], h[4:])], within=1e-9)


def table_by_hand(groups, rng):
    sums = groups.running_sums(np.array([1.0, 3.0, 9.0]), np.ones(3))
    same(groups.least_costs(sums, 3), [[0, np.inf, np.inf, np.inf], [np.inf, 0, 2, 104 / 3], [np.inf, np.inf, 0, 2],
                                       [np.inf, np.inf, np.inf, 0]], within=1e-9)


def least_of_all(groups, rng):
    for k in (1, 2, 3, 4):
        w, h = np.sort(rng.normal(size=8)), rng.uniform(0.1, 3, 8)
        same(groups.least_costs(groups.running_sums(w, h), k)[k, 8], best_cost(w.tolist(), h.tolist(), k), within=1e-9)


def starts_by_hand(groups, rng):
    w = np.array([0.0, 1.0, 2.0, 10.0, 11.0, 30.0])
    same(groups.group_starts(groups.running_sums(w, np.ones(6)), 3), [0, 3, 5])
    same(groups.group_starts(groups.running_sums(w, np.ones(6)), 1), [0])
    same(groups.group_starts(groups.running_sums(w, np.ones(6)), 6), np.arange(6))


def values_by_hand(groups, rng):
    values, codes = groups.best_values(np.array([[9.0, 1.0], [3.0, 9.5]]), np.array([[1.0, 1.0], [3.0, 1.0]]), 2)
    same(values, [2.5, 9.25], within=1e-12)
    same(codes, [[1, 0], [0, 1]])


def digits(groups, rng):
    """64 → 48 → 10, trained on digits: the last layer with four values. Lloyd's algorithm is not better."""
    net = stored("network")
    images, w2 = (net["images"] / 255 - 0.3055) / 0.376, net["w2"][:, :24].astype(np.float64)
    values, codes = groups.best_values(w2, np.ones_like(w2), 4)
    error = ((w2 - np.asarray(values)[codes]) ** 2).sum()
    for begin in (np.linspace(w2.min(), w2.max(), 4), np.quantile(w2, [0.125, 0.375, 0.625, 0.875])):
        for _ in range(100):
            near = np.abs(w2[..., None] - begin).argmin(axis=-1)
            begin = np.array([w2[near == i].mean() for i in range(4)])
        lloyd = ((w2 - begin[near]) ** 2).sum()
        assert error <= lloyd * (1 + 1e-9), f"your squared error is {error}, Lloyd's algorithm reaches {lloyd}"
    h = np.maximum(images @ net["w1"].T + net["b1"], 0)
    few = np.concatenate([np.asarray(values)[codes], net["w2"][:, 24:]], axis=1)
    wrong, whole = (int((np.argmax(h @ w.T + net["b2"], axis=1) != net["labels"]).sum()) for w in (few, net["w2"]))
    assert wrong <= whole + 30, f"{wrong} of 360 wrong with four values in half of the last layer, {whole} with all"
