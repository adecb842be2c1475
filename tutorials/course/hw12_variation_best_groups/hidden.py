"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

VISIBLE = tests_of(Path(__file__).with_name("visible.py"))
best_cost, cost_of = VISIBLE["best_cost"], VISIBLE["cost_of"]


def importance(groups, rng):
    """What weighs nothing costs nothing; what weighs much is nearly exact."""
    w, h = np.array([0.0, 1.0, 5.0, 6.0]), np.array([1.0, 0.0, 0.0, 1.0])
    sums = groups.running_sums(w, h)
    same(groups.group_cost(sums, 1, 3), 0.0)
    same(groups.least_costs(sums, 2)[2, 4], 0.0, within=1e-12)
    values, codes = groups.best_values(np.array([0.0, 1.0, 10.0]), np.array([1e6, 1.0, 1.0]), 2)
    same(values, [0.0, 10.0], within=1e-5)
    same(codes, [0, 0, 1])
    values, codes = groups.best_values(np.array([7.0, 8.0]), np.zeros(2), 1)
    same(values, [0.0])


def never_below_zero(groups, rng):
    w = np.sort(1e4 + rng.uniform(0, 1e-4, 40))
    sums = groups.running_sums(w, np.ones(40))
    costs = np.array([[groups.group_cost(sums, i, j) for j in range(i, 41)][-1] for i in range(40)])
    assert (costs >= 0).all(), f"a cost is {costs.min()}"


def any_order_and_shape(groups, rng):
    for k in (1, 2, 3):
        w, h = rng.normal(size=(3, 3)), rng.uniform(0, 2, (3, 3))
        values, codes = groups.best_values(w, h, k)
        order = np.argsort(w, axis=None)
        got = (h * (w - np.asarray(values)[codes]) ** 2).sum()
        same(got, best_cost(w.ravel()[order].tolist(), h.ravel()[order].tolist(), k), within=1e-9)
        same(np.shape(codes), (3, 3))
        assert (np.diff(values) > 0).all(), "the values are to be in rising order"


def starts_match_the_table(groups, rng):
    for k in (2, 3, 5):
        w, h = np.sort(rng.exponential(size=14)), rng.uniform(0.1, 1, 14)
        sums = groups.running_sums(w, h)
        starts = [*np.asarray(groups.group_starts(sums, k)).tolist(), 14]
        assert starts[0] == 0 and all(a < b for a, b in zip(starts, starts[1:], strict=False)), f"starts {starts}"
        total = sum(cost_of(w[a:b].tolist(), h[a:b].tolist()) for a, b in zip(starts, starts[1:], strict=False))
        same(total, groups.least_costs(sums, k)[k, 14], within=1e-9)


def types(groups, rng):
    dtype(groups.running_sums(np.float32([1, 2]), np.float32([1, 1])), np.float64)
    values, codes = groups.best_values(np.float32([1, 2, 5]), np.ones(3, np.float32), 2)
    dtype(values, np.float64)
    dtype(codes, np.int64)


def refusals(groups, rng):
    good = np.array([1.0, 2.0, 3.0])
    same(groups.best_values(good, np.ones(3), 1)[0], [2.0])                    # to refuse everything is no solution
    for k in (0, 4):
        refuses(groups.best_values, good, np.ones(3), k)
        refuses(groups.group_starts, groups.running_sums(good, np.ones(3)), k)
    refuses(groups.best_values, good, np.ones(2), 1)
    refuses(groups.best_values, good, np.array([1.0, -1.0, 1.0]), 1)
    refuses(groups.best_values, np.array([1.0, np.nan, 2.0]), np.ones(3), 1)
