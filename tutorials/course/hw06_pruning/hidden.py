"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

first_lowest = tests_of(Path(__file__).with_name("visible.py"))["first_lowest"]


def exact_counts(pruning, rng):
    """Of n scores round(sparsity · n) go; a half goes to the even number."""
    for n, sparsity, gone in [(5, 0.5, 2), (7, 0.5, 4), (3, 0.5, 2), (10, 0.25, 2), (10, 0.35, 4), (1, 0.4, 0), (9, 1.0, 9)]:
        got = pruning.keep_highest(rng.uniform(1, 2, n), sparsity)
        assert n - np.sum(got) == gone, f"{n} scores, sparsity {sparsity}: {n - np.sum(got)} went, expected {gone}"
    same(pruning.keep_highest_in_rows(rng.uniform(1, 2, (4, 5)), 0.5).sum(axis=1), [3] * 4)


def all_shapes(pruning, rng):
    for shape in ((), (1,), (4, 3, 2, 2), (2, 5, 3)):
        scores = rng.integers(1, 4, shape).astype(np.float32)
        got = pruning.keep_highest(scores, 0.6)
        same(got, first_lowest(scores, round(0.6 * scores.size)))
        dtype(got, bool)
    scores = rng.integers(0, 3, (3, 2, 2, 3)) + 0.0
    same(pruning.keep_highest_in_rows(scores, 0.5), [first_lowest(row, 6) for row in scores])
    same(pruning.keep_highest(np.zeros(3), 1.0), [False] * 3)                  # all or none: zeros may be removed
    same(pruning.keep_highest(np.zeros(3), 0.0), [True] * 3)
    same(pruning.keep_highest(np.array([-3.0, -1.0, -2.0]), 1 / 3), [False, True, True])


def many_layers(pruning, rng):
    layers = tuple(rng.integers(0, 9, shape) + 0.5 for shape in ((4, 6), (3, 2, 2), (10,)))
    together = np.concatenate([layer.ravel() for layer in layers])
    want = np.split(first_lowest(together, round(0.7 * together.size)), np.cumsum([layer.size for layer in layers])[:-1])
    for got, mask, layer in zip(pruning.masks_from_scores(layers, 0.7, "global"), want, layers, strict=True):
        same(got, mask.reshape(layer.shape))
    for got, layer, s in zip(pruning.masks_from_scores(layers, (0.1, 0.5, 0.9)), layers, (0.1, 0.5, 0.9), strict=True):
        same(got, first_lowest(layer, round(s * layer.size)))
    got = pruning.masks_from_scores(layers[:2], (0.5, 0.25), "row")
    same(got[1], [first_lowest(row, 1) for row in layers[1]])


def joined_by_an_addition(pruning, rng):
    """Two makers and a depthwise convolution: their scores add up, and each keeps its evidence."""
    a, b, depthwise = rng.normal(size=(4, 3, 1, 1)), rng.normal(size=(4, 5)), rng.normal(size=(4, 1, 3, 3))
    reads = rng.normal(size=(4, 4)) * 1000
    members = (("a", 0, 1), ("bias", 0, 1), ("b", 0, 1), ("dw", 0, 1), ("reads", 1, 1))
    arrays = (("a", a), ("bias", np.ones(4) * 1e6), ("b", b), ("dw", depthwise), ("reads", reads))
    want = [sum(np.abs(w[c]).sum() for w in (a, b, depthwise)) for c in range(4)]
    same(pruning.group_scores(members, 4, arrays), want, within=1e-9)
    evidence = tuple((name, rng.uniform(1, 2, w.shape)) for name, w in (("a", a), ("b", b), ("dw", depthwise)))
    want = [sum(e[c].sum() for _, e in evidence) for c in range(4)]
    same(pruning.group_scores(members, 4, arrays, "evidence", evidence), want, within=1e-9)
    large = np.full((2, 1 << 15), 16777216.0, np.float32)
    large[:, ::2] = 1.0
    got = pruning.group_scores((("w", 0, 1),), 2, (("w", large),))
    dtype(got, np.float64)
    same(got, [(1 << 14) * 16777217.0] * 2)                                    # in float32 the ones would be lost


def two_groups_and_masks(pruning, rng):
    """One array in two groups, on an axis each; the order of `keep` counts; masks lose the same slices."""
    w = rng.normal(size=(4, 6, 3, 3))
    arrays = (("first", rng.normal(size=(6, 2))), ("w", w), ("fc", rng.normal(size=(2, 8))))
    which = (("one", 6, (("first", 0, 1), ("w", 1, 1))), ("two", 4, (("w", 0, 1), ("fc", 1, 2))))
    mask = rng.uniform(size=w.shape) < 0.5
    got, _, masks = pruning.shrink_to(arrays, which, (("two", np.array([3, 0])), ("one", np.array([1, 2, 5]))), (("w", mask),))
    same(got[0], arrays[0][1][[1, 2, 5]])
    same(got[1], [[w[o, i] for i in (1, 2, 5)] for o in (3, 0)])
    same(got[2], arrays[2][1][:, [6, 7, 0, 1]])
    same(masks[0], [[mask[o, i] for i in (1, 2, 5)] for o in (3, 0)])
    got, gradients, _ = pruning.shrink_to(arrays, which, (("one", np.array([0])),))
    same(got[2], arrays[2][1])
    same(gradients, [False, False, True])


def refusals(pruning, rng):
    good = np.array([1.0, 2.0, 3.0])
    same(pruning.keep_highest(good, 1 / 3), [False, True, True])               # to refuse everything is no solution
    for sparsity in (-0.1, 1.1, float("nan")):
        refuses(pruning.keep_highest, good, sparsity)
        refuses(pruning.keep_highest_in_rows, good.reshape(1, 3), sparsity)
        refuses(pruning.agp_sparsity, 1, start=0, steps=10, final=sparsity)
        refuses(pruning.agp_sparsity, 1, start=0, steps=10, final=0.5, initial=sparsity)
    refuses(pruning.agp_sparsity, 1, start=0, steps=0, final=0.5)
    refuses(pruning.keep_highest, np.array([1.0, np.nan]), 0.5)
    refuses(pruning.keep_highest, np.zeros(4), 0.5)
    refuses(pruning.keep_highest_in_rows, np.zeros((2, 4)), 0.5)
    refuses(pruning.remove_lowest, np.zeros(4), 1)
    refuses(pruning.masks_from_scores, (good,), 0.5, "column")
    refuses(pruning.masks_from_scores, (good, good), (0.5, 0.5), "global")
    refuses(pruning.masks_of_an_unknown_layer, good)
    refuses(pruning.group_scores, (("w", 0, 1),), 2, (("w", np.ones((2, 3))),), "too small")


def nothing_has_changed(pruning, rng):
    arrays = (("w", rng.normal(size=(3, 2))), ("v", rng.normal(size=(2, 3))))
    which = (("g", 3, (("w", 0, 1), ("v", 1, 1))), ("h", 2, (("w", 1, 1),)))
    for keep in ((("g", np.array([0, 3])),), (("g", np.array([-1])),), (("g", np.array([1, 1])),), (("x", np.array([0])),),
                 (("g", np.array([], int)),), (("g", np.array([0])), ("h", np.array([2])))):
        assert pruning.refused_and_unchanged(arrays, which, keep), f"keep = {keep}: it has to be refused, with all as it was"
    assert pruning.refused_and_unchanged(arrays[:1], which[:1], (("g", np.array([0])),)), "the model has no array v"
