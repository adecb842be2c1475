"""The tests that only the grader has."""

from itertools import combinations, product
from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

masks_by_loops = tests_of(Path(__file__).with_name("visible.py"))["masks_by_loops"]


def ties_and_edges(nm, rng):
    for n, m in [(2, 4), (1, 3), (3, 5), (0, 4), (4, 4), (1, 1), (0, 1), (8, 16)]:
        scores = rng.integers(-2, 2, (4, 2 * m)).astype(np.float32)
        same(nm.nm_mask(scores, n, m), masks_by_loops(scores, n, m))
    same(nm.nm_mask(np.zeros((0, 8)), 2, 4), np.zeros((0, 8)))
    same(nm.nm_mask(np.array([[-np.inf, 1.0, np.inf, 0.0]]), 2, 4), [[False, True, True, False]])


def there_and_back(nm, rng):
    for kind in (np.float32, np.float64, np.int8):
        for n, m in [(2, 4), (1, 4), (3, 4), (2, 8), (4, 4)]:
            w = rng.integers(-9, 10, (5, 3 * m)).astype(kind)
            mask = np.array(masks_by_loops(rng.normal(size=w.shape), n, m))
            values, places = nm.compress(w, mask, n, m)
            same(values.shape, (5, 3 * n))
            dtype(values, kind)
            dtype(places, np.uint8)
            back = nm.expand(values, places, n, m)
            dtype(back, kind)
            same(back, np.where(mask, w, 0))
            assert (np.diff(places.reshape(-1, n).astype(int), axis=1) > 0).all(), "places go from left to right"


def products_of_all_kinds(nm, rng):
    for n, m, B in [(1, 4, 3), (3, 4, 1), (2, 8, 4), (2, 4, 0)]:
        w, x = rng.normal(size=(5, 3 * m)).astype(np.float32), rng.normal(size=(B, 3 * m)).astype(np.float32)
        mask = np.array(masks_by_loops(abs(w), n, m))
        got = nm.nm_matmul(x, *nm.compress(w, mask, n, m), n, m)
        dtype(got, np.float32)
        same(got, np.einsum("bi,oi->bo", x.astype(np.float64), (w * mask).astype(np.float64)), within=1e-4)
    skipped = np.array([[np.inf, 1.0, 2.0, np.nan]])
    same(nm.nm_matmul(skipped, np.array([[3.0, 4.0]]), np.array([[1, 2]], np.uint8), 2, 4), [[11.0]])


def best_both_ways(nm, rng):
    """No other mask with two in each row and column has a larger sum."""
    pairs = [sum(1 << i for i in pair) for pair in combinations(range(4), 2)]
    every = [block for block in product(pairs, repeat=4) if all(sum(row >> c & 1 for row in block) == 2 for c in range(4))]
    for scores in (rng.uniform(size=(8, 8)), rng.normal(size=(4, 12)), rng.exponential(size=(12, 4)) ** 2):
        mask = nm.transposable_mask(scores)
        for r, c in product(range(0, scores.shape[0], 4), range(0, scores.shape[1], 4)):
            block, got = scores[r:r + 4, c:c + 4], mask[r:r + 4, c:c + 4]
            same(np.sum(got, axis=0), [2] * 4)
            same(np.sum(got, axis=1), [2] * 4)
            best = max(sum(block[i, j] for i in range(4) for j in range(4) if rows[i] >> j & 1) for rows in every)
            kept = (block * got).sum()
            assert abs(kept - best) < 1e-9, f"block ({r}, {c}): the kept sum is {kept}, {best} is possible"


def refusals(nm, rng):
    w, mask = np.ones((2, 4)), np.array([[True, True, False, False], [False, True, True, False]])
    same(nm.nm_mask(w, 2, 4).sum(), 4)                                         # to refuse everything is no solution
    same(nm.compress(w, mask, 2, 4)[1], [[0, 1], [1, 2]])
    refuses(nm.nm_mask, w, 5, 4)
    refuses(nm.nm_mask, w, -1, 4)
    refuses(nm.nm_mask, w, 1, 0)
    refuses(nm.nm_mask, np.ones((2, 6)), 2, 4)
    refuses(nm.nm_mask, np.ones(8), 2, 4)
    refuses(nm.nm_mask, np.array([[1.0, np.nan, 0.0, 2.0]]), 2, 4)
    refuses(nm.compress, w, np.ones((2, 4), bool), 2, 4)
    refuses(nm.compress, w, np.array([[True, True, True, False], [False, True, False, False]]), 2, 4)
    refuses(nm.compress, w, mask[:1], 2, 4)
    refuses(nm.expand, np.ones((1, 2)), np.array([[0, 4]], np.uint8), 2, 4)
    refuses(nm.nm_matmul, np.ones((1, 4)), np.ones((1, 2)), np.array([[0, 4]], np.uint8), 2, 4)
    refuses(nm.nm_matmul, np.ones((1, 8)), np.ones((1, 2)), np.array([[0, 1]], np.uint8), 2, 4)
    refuses(nm.transposable_mask, np.ones((4, 6)))
    refuses(nm.transposable_mask, np.ones((6, 4)))
    refuses(nm.transposable_mask, np.ones(16))
