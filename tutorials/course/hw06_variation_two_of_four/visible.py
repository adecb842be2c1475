"""The tests that students have. nm: variation.py, or the grader's link to it."""

import numpy as np
from checking import dtype, same, stored


def highest_of(scores, n):
    """The mask of a few scores, by sorting pairs (score, position)."""
    kept = {i for _, i in sorted((float(score), i) for i, score in enumerate(scores))[len(scores) - n:]}
    return [i in kept for i in range(len(scores))]


def masks_by_loops(scores, n, m):
    return [sum((highest_of(row[j:j + m], n) for j in range(0, len(row), m)), []) for row in scores]


def masks_by_hand(nm, rng):
    same(nm.nm_mask(np.array([[0.1, -3.0, 2.0, 0.1, 1.0, 1.0, 1.0, 1.0]]), 2, 4),
         [[False, False, True, True, False, False, True, True]])
    same(nm.nm_mask(np.array([[1.0, 9.0], [8.0, 2.0], [3.0, 3.0]]), 1, 2), [[False, True], [True, False], [False, True]])
    dtype(nm.nm_mask(np.ones((1, 4)), 2, 4), bool)


def masks(nm, rng):
    for n, m in [(2, 4), (1, 4), (3, 4), (1, 2), (4, 8)]:
        scores = rng.normal(size=(5, 3 * m))
        same(nm.nm_mask(scores, n, m), masks_by_loops(scores, n, m))


def compressed_by_hand(nm, rng):
    w = np.float32([[5, 6, 7, 8, 1, 2, 3, 4], [0, 0, 9, 9, 4, 3, 2, 1]])
    mask = np.array([[0, 1, 0, 1, 1, 1, 0, 0], [1, 0, 0, 1, 0, 1, 1, 0]]) == 1
    values, places = nm.compress(w, mask, 2, 4)
    same(values, [[6, 8, 1, 2], [0, 9, 3, 2]])
    same(places, [[1, 3, 0, 1], [0, 3, 1, 2]])
    dtype(values, np.float32)
    dtype(places, np.uint8)
    same(nm.expand(values, places, 2, 4), w * mask)


def products(nm, rng):
    x = np.array([[1.0, 10.0, 100.0, 1000.0], [0.0, 1.0, 2.0, 3.0]])
    values, places = np.array([[6.0, 8.0], [1.0, 2.0]]), np.array([[1, 3], [0, 2]], np.uint8)
    same(nm.nm_matmul(x, values, places, 2, 4), [[8060.0, 201.0], [30.0, 4.0]])
    w = rng.normal(size=(6, 16))
    mask = np.array(masks_by_loops(abs(w), 2, 4))
    x = rng.normal(size=(7, 16))
    want = [[sum(x[b, i] * w[o, i] for i in range(16) if mask[o, i]) for o in range(6)] for b in range(7)]
    same(nm.nm_matmul(x, *nm.compress(w, mask, 2, 4), 2, 4), want, within=1e-10)


def both_ways(nm, rng):
    """The scores on the diagonal blocks are so large that only one mask can be best."""
    want = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1]]) == 1
    same(nm.transposable_mask(want + rng.uniform(0, 0.01, (4, 4))), want)
    got = nm.transposable_mask(rng.uniform(size=(8, 12)))
    dtype(got, bool)
    same(np.sum(got.reshape(8, 3, 4), axis=2), np.full((8, 3), 2))
    same(np.sum(got.reshape(2, 4, 12), axis=1), np.full((2, 12), 2))


def digits(nm, rng):
    """64 → 48 → 10, trained on digits: with 2 of 4 weights of the first layer, few more of 360 are wrong."""
    net = stored("network")
    images = (net["images"] / 255 - 0.3055) / 0.376
    w1 = net["w1"].astype(np.float64)

    def wrong(z):
        return int((np.argmax(np.maximum(z + net["b1"], 0) @ net["w2"].T + net["b2"], axis=1) != net["labels"]).sum())

    mask = nm.nm_mask(np.abs(w1), 2, 4)
    whole, half = wrong(images @ w1.T), wrong(nm.nm_matmul(images, *nm.compress(w1, mask, 2, 4), 2, 4))
    small = wrong(images @ (w1 * ~np.asarray(mask)).T)
    assert half <= whole + 20, f"{half} of 360 wrong with 2 of 4 weights, {whole} with all"
    assert small > 2 * half, f"{small} wrong with the other two of each four, {half} with yours: are yours the large ones?"
