"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
shares, network = visible["shares"], visible["network"]


def many_paths(pruning, rng):
    """Numbers of paths that no float holds."""
    masks = tuple(np.ones((7, 7), bool) for _ in range(100))
    assert pruning.count_paths(masks) == str(7**101), "expected 7¹⁰¹ paths, exactly"
    masks[50][3] = False
    assert pruning.count_paths(masks) == str(7**49 * 7 * 6 * 7**50), f"expected {7**49 * 7 * 6 * 7**50} paths"
    assert pruning.count_paths((np.zeros((2, 3), bool),)) == "0", "expected no path"


def deep_and_small(pruning, rng):
    """200 layers of 60 neurons, and weights of 1e-200 and 1e200."""
    deep = tuple(np.full((60, 60), 100.0) for _ in range(200))
    for share in pruning.flow_shares(deep)[::50]:
        same(share, np.full((60, 60), 1 / 3600), within=1e-12)
    small = tuple(np.full((60, 60), 1e-3) for _ in range(200))
    same(pruning.flow_shares(small)[199], np.full((60, 60), 1 / 3600), within=1e-12)
    weights = network(rng, 3, 4, 2)
    want = shares(weights)
    for factors in ((1e-200, 1e-200), (1e200, 1e200), (1e-300, 1e300)):
        got = pruning.flow_shares(tuple(W * f for W, f in zip(weights, factors, strict=True)))
        for one, other in zip(got, want, strict=True):
            same(one, other, within=1e-10)


def dead_ends(pruning, rng):
    """What no path uses has the share 0; a sign changes nothing; the shares into a neuron are those out of it."""
    weights = [W.copy() for W in network(rng, 4, 5, 3, 2)]
    weights[0][2] = 0
    weights[2][:, 1] = 0
    got = [np.asarray(s) for s in pruning.flow_shares(tuple(weights))]
    same(got[1][:, 2], np.zeros(3))
    same(got[1][1], np.zeros(5))
    for below, above in zip(got, got[1:], strict=False):
        same(below.sum(axis=1), above.sum(axis=0), within=1e-12)
    for s, want in zip(pruning.flow_shares(tuple(-W for W in weights)), got, strict=True):
        same(s, want, within=1e-15)


def one_step_and_many(pruning, rng):
    """Step by step, as the docstring says; the weights stay as they are."""
    weights = network(rng, 4, 6, 5, 3)
    total = sum(W.size for W in weights)
    for final, steps in ((0.5, 1), (0.3, 4)):
        masks = [np.ones(W.shape, bool) for W in weights]
        for t in range(1, steps + 1):
            scores = shares([W * M for W, M in zip(weights, masks, strict=True)])
            lowest = np.sort(np.concatenate([s.ravel() for s in scores]))[-int(np.ceil(final ** (t / steps) * total))]
            masks = [s >= lowest for s in scores]
        got, after = pruning.prune_by_flow(weights, final, steps)
        for one, want in zip(got, masks, strict=True):
            dtype(one, bool)
            same(one, want)
        for one, want in zip(after, weights, strict=True):
            same(one, want)
    got, _ = pruning.prune_by_flow(weights, 1.0, 3)
    same(sum(int(np.sum(M)) for M in got), total)


def zeros_go_first(pruning, rng):
    """A weight of 0 has the share 0; so has one after a dead neuron."""
    weights = [W.copy() for W in network(rng, 5, 6, 2)]
    weights[0][1] = 0
    got, _ = pruning.prune_by_flow(tuple(weights), 35 / 42, 1)
    same(got[0], np.arange(6)[:, None] * np.ones((1, 5)) != 1)
    same(np.sum(got[1]), 10)
    same(np.asarray(got[1])[:, 1], [False, False])


def ties(pruning, rng):
    """Of equal scores the first stay, in the order of the layers; 0 and all may be kept."""
    scores = np.ones((2, 2)), np.array([[1.0, 5.0]])
    for count, want in ((3, ([[True, True], [False, False]], [[False, True]])), (0, (np.zeros((2, 2)), [[False, False]])),
                        (6, (np.ones((2, 2)), [[True, True]]))):
        for got, mask in zip(pruning.keep_most(scores, count), want, strict=True):
            dtype(got, bool)
            same(got, mask)


def chains_of_dead_ends(pruning, rng):
    """A weight may be of no use because of a layer far above or below."""
    one = np.eye(4, dtype=bool)
    top, bottom = one.copy(), one.copy()
    top[2], bottom[1] = False, False
    want = np.diag([True, False, False, True])
    masks, after = pruning.on_a_path((bottom, one, one, top))
    for got in masks:
        same(got, want)
    for got, given in zip(after, (bottom, one, one, top), strict=True):
        same(got, given)
    masks, _ = pruning.on_a_path((np.zeros((3, 2), bool), np.ones((2, 3), bool)))
    same(masks[1], np.zeros((2, 3), bool))


def refusals(pruning, rng):
    weights = network(rng, 3, 4, 2)
    same(np.sum(pruning.flow_shares(weights)[0]), 1.0, within=1e-12)              # to refuse everything is no solution
    for wrong in ((), (weights[1], weights[0]), (weights[0], weights[0]), (weights[0][0],), (weights[0], weights[1] * np.nan),
                  (weights[0] * 0, weights[1])):
        refuses(pruning.flow_shares, wrong)
        refuses(pruning.prune_by_flow, wrong, 0.5, 2)
    for wrong in ((), (np.ones((2, 3), bool), np.ones((2, 3), bool)), (np.ones(3, bool),)):
        refuses(pruning.count_paths, wrong)
        refuses(pruning.on_a_path, wrong)
    for step, steps, final in ((0, 3, 0.0), (0, 3, 1.1), (0, 3, -0.5), (4, 3, 0.5), (-1, 3, 0.5), (0, 0, 0.5), (1, 3, np.nan)):
        refuses(pruning.kept_at, step, steps, final)
    for final, steps in ((0.0, 2), (1.5, 2), (0.5, 0), (np.nan, 2)):
        refuses(pruning.prune_by_flow, weights, final, steps)
    refuses(pruning.prune_by_flow, weights, 1 / 20, 5)                            # one weight is no path through two layers
    for count in (-1, 21):
        refuses(pruning.keep_most, weights, count)
