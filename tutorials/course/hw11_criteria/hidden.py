"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, stored, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
positive, nearest = visible["positive"], visible["nearest"]


def several_layers(pruning, rng):
    """All shares sum up to 1; a factor of the loss changes nothing; any shapes."""
    weights = tuple(rng.normal(size=s) for s in ((3, 2, 2, 2), (4, 5), (6,)))
    gradients = tuple(rng.normal(size=w.shape) for w in weights)
    got = pruning.snip_scores(weights, gradients)
    same(sum(np.sum(s) for s in got), 1.0, within=1e-12)
    total = sum(np.linalg.norm((w * g).ravel(), 1) for w, g in zip(weights, gradients, strict=True))
    for s, w, g in zip(got, weights, gradients, strict=True):
        same(s, np.abs(w * g) / total, within=1e-12)
    for s, scaled in zip(got, pruning.snip_scores(weights, tuple(1e6 * g for g in gradients)), strict=True):
        same(scaled, s, within=1e-12)
    same(pruning.taylor_scores(weights[0], gradients[0]), np.abs(weights[0] * gradients[0]), within=1e-12)
    same(pruning.obd_scores(weights[0], gradients[0]), gradients[0] * weights[0] ** 2 / 2, within=1e-12)


def equal_inputs(pruning, rng):
    """Where two inputs are nearly equal, one weight takes over the other's part, and that costs nearly nothing."""
    x = rng.normal(size=(50, 3))
    x = np.concatenate([x, x[:, :1] + 1e-4 * rng.normal(size=(50, 1))], axis=1)
    H, w = x.T @ x / 50, np.array([2.0, 0.5, -0.7, 3.0])
    new, removed, cost, *_ = pruning.remove_one_by_one(w, np.linalg.inv(H), 1)
    assert removed[0] in (0, 3), f"weight {removed[0]} went first, though another input says what input 0 says"
    same(max(new[0], new[3]), 5.0, within=1e-2)
    same(cost, [0.0], within=1e-6)


def fixed_weights(pruning, rng):
    """The last weights stay, but change; all others may go. If none goes, nothing changes."""
    H, w = positive(rng, 6), rng.normal(size=6)
    w[5], w[4] = 1e-3, 1e-3
    inverse = np.linalg.inv(H)
    new, removed, cost, *_ = pruning.remove_one_by_one(w, inverse, 4, 2)
    same(np.sort(removed), [0, 1, 2, 3])
    same(np.shape(cost), (4,))
    same(new, nearest(w, H, [4, 5]), within=1e-8)
    new, removed, cost, w_after, inverse_after = pruning.remove_one_by_one(w, inverse, 0)
    same(new, w)
    same(np.shape(removed), (0,))
    same(w_after, w)
    same(inverse_after, inverse)
    new, removed, *_ = pruning.remove_one_by_one(w, inverse, 6)
    same(new, np.zeros(6))
    same(np.sort(removed), np.arange(6))


def rows_and_places(pruning, rng):
    """Many rows at once; places as indices, as booleans, none, all; the end of one-by-one removal."""
    H, w = positive(rng, 5), rng.normal(size=(2, 3, 5))
    kept = np.array([True, False, True, True, False])
    want = [[nearest(row, H, [0, 2, 3]) for row in rows] for rows in w]
    same(pruning.least_squares(w, H, kept), want, within=1e-8)
    same(pruning.least_squares(w, H, np.array([3, 0, 2])), want, within=1e-8)
    same(pruning.least_squares(w, H, np.ones(5, bool)), w, within=1e-9)
    same(pruning.least_squares(w, H, np.zeros(5, bool)), np.zeros((2, 3, 5)))
    new, removed, *_ = pruning.remove_one_by_one(w[0, 0], np.linalg.inv(H), 3)
    same(pruning.least_squares(w[0, 0], H, np.setdiff1d(np.arange(5), removed)), new, within=1e-8)


def exchanges(pruning, rng):
    """As many weights as before; the smallest kept go, and may come back; ties; any shape; the old mask stays."""
    for size in ((40,), (6, 7), (2, 3, 2, 3)):
        w, g, mask = rng.normal(size=size), rng.normal(size=size), rng.random(size) < 0.4
        kept, k = int(mask.sum()), round(0.3 * int(mask.sum()))
        new, old = (np.asarray(m) for m in pruning.regrown_mask(w * mask, g, mask, 0.3))
        same(old, mask)
        dtype(new, bool)
        same(new.sum(), kept)
        order = sorted(np.flatnonzero(mask), key=lambda i: abs(w.flat[i]))                             # noqa: B023
        out, stay = set(order[:k]), set(order[k:])
        candidates = sorted((set(range(w.size)) - stay), key=lambda i: -abs(g.flat[i]))                # noqa: B023
        same(np.flatnonzero(new), sorted(stay | set(candidates[:k])))
        assert len(out) == k
    mask = np.array([True, True, False, False])
    same(pruning.regrown_mask(np.array([1.0, 2, 0, 0]), np.array([9.0, 0, 1, 1]), mask, 0.5)[0], mask)         # comes back
    same(pruning.regrown_mask(np.array([1.0, 1, 0, 0]), np.array([0.0, 0, 1, 1]), mask, 0.5)[0], [False, True, False, True])
    same(pruning.regrown_mask(np.zeros(4), np.zeros(4), np.zeros(4, bool), 1.0)[0], np.zeros(4, bool))


def ends_of_the_schedule(pruning, rng):
    same([pruning.regrown_fraction(t, 50) for t in (50, 51, 10**6)], [0, 0, 0])
    same(pruning.regrown_fraction(0, 50, 1.0), 1.0, within=1e-12)
    same(pruning.regrown_fraction(10, 50, 0.0), 0.0)
    same(pruning.regrown_fraction(1, 2.5), 0.15 * (1 + np.cos(np.pi / 2.5)), within=1e-12)


def sparse_from_the_start(pruning, rng):
    """A linear network on digits whose 64 weights of 640 may be exchanged finds better places than chance."""
    data = stored("digits")
    x, y = data["images"] / 16, np.eye(10)[data["labels"]]
    test, truth = data["test_images"] / 16, data["test_labels"]

    def right(initial):
        w, b, mask = np.zeros((10, 64)), np.zeros(10), start
        for t in range(200):
            e = np.exp(x @ w.T + b)
            dz = (e / e.sum(axis=1, keepdims=True) - y) / len(x)
            g = dz.T @ x
            w, b = (w - 1.0 * g) * mask, b - 1.0 * dz.sum(axis=0)
            if t % 10 == 9:
                mask = np.asarray(pruning.regrown_mask(w, g, mask, pruning.regrown_fraction(t, 150, initial))[0])
                w = w * mask
        same(mask.sum(), 64)
        return int((np.argmax(test @ w.T + b, axis=1) == truth).sum())

    start = np.zeros(640, bool)
    start[rng.permutation(640)[:64]] = True
    start = start.reshape(10, 64)
    fixed, exchanged = right(0.0), right(0.5)
    assert exchanged > fixed + 10, f"{exchanged} of 360 right with exchanged weights, {fixed} with those of the start"


def types(pruning, rng):
    w, inverse = rng.normal(size=4).astype(np.float32), np.linalg.inv(positive(rng, 4))
    new, removed, cost, *_ = pruning.remove_one_by_one(w, inverse, 2)
    for array, kind in ((new, np.float64), (cost, np.float64), (removed, np.int64)):
        dtype(array, kind)
    dtype(pruning.remove_one_by_one(w, inverse, 0)[1], np.int64)
    dtype(pruning.obd_scores(np.float32([1, 2]), np.ones(2)), np.float64)
    same(pruning.obd_scores(np.float32([1e-30]), np.array([2.0])) * 1e60, [1.0], within=1e-6)


def refusals(pruning, rng):
    w, inverse = rng.normal(size=4), np.linalg.inv(positive(rng, 4))
    same(pruning.taylor_scores(np.ones(2), np.ones(2)), [1, 1])                   # to refuse everything is no solution
    refuses(pruning.taylor_scores, w)
    refuses(pruning.obd_scores, w)
    refuses(pruning.snip_scores, (w, w), (w, None))
    refuses(pruning.snip_scores, (w, w), (np.zeros(4), np.zeros(4)))
    refuses(pruning.snip_scores, (w,), (np.array([np.nan, 1, 1, 1]),))
    refuses(pruning.snip_scores, (w,), (np.array([np.inf, 1, 1, 1]),))
    for count, fixed in ((5, 0), (-1, 0), (4, 1), (2, 3)):
        refuses(pruning.remove_one_by_one, w, inverse, count, fixed)
    for initial, steps in ((1.1, 10), (-0.1, 10), (0.3, 0), (0.3, -5), (float("nan"), 10)):
        refuses(pruning.regrown_fraction, 1, steps, initial)
    mask = np.array([True, True, False, False])
    for fraction in (1.1, -0.1, float("nan")):
        refuses(pruning.regrown_mask, w, w, mask, fraction)
    refuses(pruning.regrown_mask, np.array([1, np.nan, 1, 1]), w, mask, 0.5)
    refuses(pruning.regrown_mask, w, np.array([1, 1, 1, np.nan]), mask, 0.5)
