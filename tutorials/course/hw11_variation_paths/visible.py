"""The tests that students have. pruning: scenarios.py, or the grader's link to your code."""

from itertools import product

import numpy as np
from checking import same, stored


def paths(weights):
    """(the places of the weights, the product of their sizes) of each path from an input to an output."""
    sizes = [weights[0].shape[1], *(len(W) for W in weights)]
    for nodes in product(*map(range, sizes)):
        places = [(i, nodes[i + 1], nodes[i]) for i in range(len(weights))]
        yield places, np.prod([abs(weights[i][row, column]) for i, row, column in places])


def shares(weights):
    """The shares, path by path."""
    found, total = [np.zeros(W.shape) for W in weights], 0.0
    for places, size in paths(weights):
        total += size
        for i, row, column in places:
            found[i][row, column] += size
    return [s / total for s in found]


def network(rng, *sizes):
    return tuple(rng.normal(size=(b, a)) for a, b in zip(sizes, sizes[1:], strict=False))


def paths_by_hand(pruning, rng):
    masks = np.array([[True, True], [False, True]]), np.array([[True, False]])
    assert pruning.count_paths(masks) == "2", f"{pruning.count_paths(masks)} paths, expected 2"
    masks = tuple(W > 0.3 for W in network(rng, 3, 4, 2, 3))
    want = sum(bool(size) for _, size in paths([M.astype(float) for M in masks]))
    assert pruning.count_paths(masks) == str(want), f"{pruning.count_paths(masks)} paths, expected {want}"


def shares_by_hand(pruning, rng):
    """Paths of the sizes 1·2, 3·2 and 4·½: ten in all."""
    got = pruning.flow_shares((np.array([[1.0, -3.0], [0.0, 4.0]]), np.array([[2.0, 0.5]])))
    same(got[0], [[0.2, 0.6], [0.0, 0.2]], within=1e-12)
    same(got[1], [[0.8, 0.2]], within=1e-12)


def shares_path_by_path(pruning, rng):
    for sizes in ((3, 2), (2, 3, 2), (3, 4, 2, 3, 1)):
        weights = network(rng, *sizes)
        for got, want in zip(pruning.flow_shares(weights), shares(weights), strict=True):
            same(got, want, within=1e-12)
            same(np.sum(got), 1.0, within=1e-12)


def the_schedule(pruning, rng):
    same([pruning.kept_at(t, 4, 0.0016) for t in range(5)], [1, 0.2, 0.04, 0.008, 0.0016], within=1e-12)
    same(pruning.kept_at(1, 3, 1.0), 1.0)


def the_highest_stay(pruning, rng):
    got = pruning.keep_most((np.array([[3.0, 1.0]]), np.array([[1.0], [2.0]])), 3)
    same(got[0], [[True, True]])
    same(got[1], [[False], [True]])
    scores = tuple(rng.random(s) for s in ((3, 4), (5, 3), (2, 5)))
    together = sorted((float(x) for s in scores for x in s.flat), reverse=True)
    for count in (1, 10, 36):
        for mask, s in zip(pruning.keep_most(scores, count), scores, strict=True):
            same(mask, s >= together[count - 1])


def no_layer_goes(pruning, rng):
    """A network whose middle layer has the most weights and small ones: no layer goes, though 9 of 500 weights are left."""
    weights = tuple(W * factor for W, factor in zip(network(rng, 4, 20, 20, 1), (1, 0.01, 1), strict=True))
    masks, _ = pruning.prune_by_flow(weights, 9 / 500, 60)
    left = [int(np.sum(M)) for M in masks]
    assert sum(left) == 9 and min(left) > 0, f"{left} weights are left in the three layers, expected 9, and some in each"
    at_once = np.concatenate([np.abs(W).ravel() for W in weights])
    ninth = np.sort(at_once)[-9]
    assert not (np.abs(weights[1]) >= ninth).any(), "the test has lost its meaning"


def used_by_paths(pruning, rng):
    (first, second), _ = pruning.on_a_path((np.array([[True, False], [False, True]]), np.array([[True, False]])))
    same(first, [[True, False], [False, False]])
    same(second, [[True, False]])
    masks = tuple(W > 0.6 for W in network(rng, 3, 4, 3, 2))
    used = [s > 0 for s in _used(masks)]
    for got, want in zip(pruning.on_a_path(masks)[0], used, strict=True):
        same(got, want)


def _used(masks):
    """How many paths use each weight."""
    found = [np.zeros(M.shape) for M in masks]
    for places, size in paths([M.astype(float) for M in masks]):
        for i, row, column in places:
            found[i][row, column] += size
    return found


def digits(pruning, rng):
    """Before any training, 64 → 32 → 32 → 10 keeps 2 % of its weights. It learns digits better than if chance had chosen."""
    data = stored("digits")
    x, y = data["images"][:256] / 16, np.eye(10)[data["labels"][:256]]
    test, truth = data["test_images"] / 16, data["test_labels"]
    start = [W * np.sqrt(2 / W.shape[1]) for W in network(rng, 64, 32, 32, 10)]
    masks, _ = pruning.prune_by_flow(tuple(start), 0.02, 50)
    total = sum(W.size for W in start)
    chosen = rng.permutation(total) < sum(int(np.sum(M)) for M in masks)
    parts = np.split(chosen, np.cumsum([W.size for W in start])[:-1])
    by_chance = [part.reshape(W.shape) for part, W in zip(parts, start, strict=True)]

    def right(masks):
        ws, bs = [W * M for W, M in zip(start, masks, strict=True)], [np.zeros(len(W)) for W in start]
        for _ in range(100):
            hs = [x]
            for w, b in zip(ws, bs, strict=True):
                hs.append(np.maximum(hs[-1] @ w.T + b, 0) if w is not ws[-1] else hs[-1] @ w.T + b)
            e = np.exp(hs[-1] - hs[-1].max(axis=1, keepdims=True))
            d = (e / e.sum(axis=1, keepdims=True) - y) / len(x)
            for i in (2, 1, 0):
                d, dw, db = d @ ws[i] * (hs[i] > 0), d.T @ hs[i], d.sum(axis=0)
                ws[i], bs[i] = (ws[i] - 0.5 * dw) * masks[i], bs[i] - 0.5 * db
        h = test
        for w, b in zip(ws[:2], bs[:2], strict=True):
            h = np.maximum(h @ w.T + b, 0)
        return int((np.argmax(h @ ws[2].T + bs[2], axis=1) == truth).sum())

    flow, chance = right([np.asarray(M) for M in masks]), right(by_chance)
    assert flow > chance + 15, f"{flow} of 360 right, {chance} with weights that chance chose"
