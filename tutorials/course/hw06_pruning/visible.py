"""The tests that students have. pruning: scenarios.py, or the grader's link to it."""

import numpy as np
from checking import dtype, same, stored

CONV = (("conv.weight", 0, 1), ("conv.bias", 0, 1), ("bn.running_mean", 0, 1), ("fc.weight", 1, 4))


def first_lowest(scores, count):
    """The mask by sorting pairs (score, position)."""
    flat = [float(score) for score in np.ravel(scores)]
    gone = {i for _, i in sorted((score, i) for i, score in enumerate(flat))[:count]}
    return np.reshape([i not in gone for i in range(len(flat))], np.shape(scores))


def lowest_by_hand(pruning, rng):
    w = np.abs(np.array([0.9, -0.1, 0.4, 0.05, -0.7, 0.2, -0.3, 0.6]))
    same(pruning.remove_lowest(w, 4), [True, False, True, False, True, False, False, True])
    same(pruning.remove_lowest(w, 0), [True] * 8)
    same(pruning.remove_lowest(w.reshape(2, 4), 1), [[True, True, True, False], [True] * 4])
    got = pruning.keep_highest(w, 0.5)
    same(got, [True, False, True, False, True, False, False, True])
    dtype(got, bool)


def equal_scores(pruning, rng):
    same(pruning.keep_highest(np.array([0.3, 0.1, 0.2, 0.1]), 0.25), [True, False, True, True])
    scores = rng.integers(0, 4, (7, 9)).astype(float)
    for count in (1, 10, 40, 62):
        same(pruning.remove_lowest(scores, count), first_lowest(scores, count))


def rows(pruning, rng):
    same(pruning.keep_highest_in_rows(np.array([[5.0, 6.0, 7.0, 8.0], [0.0, 0.0, 0.0, 1.0]]), 0.5),
         [[False, False, True, True]] * 2)
    scores = rng.integers(0, 6, (5, 10)).astype(float)
    same(pruning.keep_highest_in_rows(scores, 0.3), [first_lowest(row, 3) for row in scores])


def scopes(pruning, rng):
    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([10.0, 30.0, 20.0, 40.0])
    for layers, sparsity, scope, want in [
            ((a, b), 0.5, "layer", ([[False, False], [True, True]], [False, True, False, True])),
            ((a, b), 0.5, "global", ([[False, False], [False, False]], [True] * 4)),
            ((a, b), 0.625, "global", ([[False, False], [False, False]], [False, True, True, True])),
            ((a,), 0.5, "row", ([[False, True], [False, True]],))]:
        for got, mask in zip(pruning.masks_from_scores(layers, sparsity, scope), want, strict=True):
            same(got, mask)
    got = pruning.masks_from_scores((a, b), (None, 0.25))
    assert got[0] is None, "a layer that the dict does not name has no mask"
    same(got[1], [False, True, True, True])


def gradual(pruning, rng):
    for step, want in [(0, 0.0), (100, 0.0), (150, 0.7), (175, 0.7875), (200, 0.8), (900, 0.8)]:   # 0.8 (1 − (1/2)³) = 0.7
        same(pruning.agp_sparsity(step, start=100, steps=100, final=0.8), want, within=1e-12)
    same(pruning.agp_sparsity(150, start=100, steps=100, initial=0.4, final=0.8), 0.75, within=1e-12)


def filters(pruning, rng):
    w, fc = rng.normal(size=(6, 2, 3, 3)).astype(np.float32), rng.normal(size=(5, 24))
    arrays = (("conv.weight", w), ("conv.bias", np.full(6, 99.0)), ("bn.running_mean", np.ones(6)), ("fc.weight", fc))
    same(pruning.group_scores(CONV, 6, arrays), [sum(abs(float(x)) for x in w[c].flat) for c in range(6)], within=1e-6)
    squares = [sum(float(x) ** 2 for x in w[c].flat) for c in range(6)]
    same(pruning.group_scores(CONV, 6, arrays, "squares"), squares, within=1e-5)


def slices(pruning, rng):
    """Channel c of the convolution is the inputs 4c … 4c + 3 of fc."""
    w, bias, mean, fc = rng.normal(size=(3, 1, 2, 2)), np.array([1.0, 2.0, 3.0]), np.array([7.0, 8.0, 9.0]), np.arange(24.0)
    fc = fc.reshape(2, 12)
    arrays = (("conv.weight", w), ("conv.bias", bias), ("bn.running_mean", mean), ("fc.weight", fc), ("fc.bias", np.ones(2)))
    got, gradients, _ = pruning.shrink_to(arrays, (("conv", 3, CONV),), (("conv", np.array([0, 2])),))
    wanted = w[[0, 2]], [1.0, 3.0], [7.0, 9.0], [[0, 1, 2, 3, 8, 9, 10, 11], [12, 13, 14, 15, 20, 21, 22, 23]], [1.0, 1.0]
    for array, want in zip(got, wanted, strict=True):
        same(array, want)
    same(gradients, [False, False, False, False, True])


def digits(pruning, rng):
    """64 → 48 → 10, trained on digits: the small half of the weights can go, and the weak half of the neurons nearly so."""
    net = stored("network")
    images = (net["images"] / 255 - 0.3055) / 0.376

    def wrong(w1, b1, w2):
        hidden = np.maximum(images @ w1.T + b1, 0)
        return int((np.argmax(hidden @ w2.T + net["b2"], axis=1) != net["labels"]).sum())

    w1, b1, w2 = net["w1"], net["b1"], net["w2"]
    whole = wrong(w1, b1, w2)
    m1, m2 = pruning.masks_from_scores((np.abs(w1), np.abs(w2)), 0.5)
    same(np.sum(m1) + np.sum(m2), (w1.size + w2.size) // 2)
    sparse = wrong(w1 * m1, b1, w2 * m2)
    assert sparse <= whole + 15, f"{sparse} of 360 wrong with half of the weights, {whole} with all"

    members = (("w1", 0, 1), ("b1", 0, 1), ("w2", 1, 1))
    order = np.argsort(pruning.group_scores(members, 48, (("w1", w1), ("b1", b1), ("w2", w2))))
    arrays = (("w1", w1), ("b1", b1), ("w2", w2))
    strong, weak = (wrong(*pruning.shrink_to(arrays, (("h", 48, members),), (("h", np.sort(half)),))[0])
                    for half in (order[16:], order[:32]))
    assert strong < weak, f"{strong} of 360 wrong with the strongest 32 neurons, {weak} with the weakest 32"
    assert strong <= whole + 60, f"{strong} of 360 wrong with the strongest 32 neurons"
