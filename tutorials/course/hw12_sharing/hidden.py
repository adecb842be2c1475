"""The tests that only the grader has."""

import numpy as np
from checking import dtype, refuses, same


def end(sharing, rng):
    """Each weight has the nearest value, each value is the mean of its weights; the error is not above that of the start."""
    for k in (1, 2, 5, 11):
        w = rng.normal(size=(20, 25)).astype(np.float32) * (rng.random((20, 25)) < 0.8)
        kept = np.sort(w[w != 0].astype(np.float64))
        for init in ("linear", "density"):
            values, codes = (np.asarray(x) for x in sharing.kmeans(w, k, init))
            same(codes == 0, w == 0)
            assert (np.diff(values) > 0).all(), "the values are to be in rising order"
            for i in range(len(values)):
                same(values[i], w[codes == i + 1].mean(dtype=np.float64), within=1e-5)
            best = np.abs(w[w != 0][:, None] - values).min(axis=1)
            same(np.abs(w[w != 0] - values[codes[w != 0] - 1]), best, within=1e-5)
            first = np.linspace(kept[0], kept[-1], k) if init == "linear" else np.quantile(kept, (np.arange(k) + 0.5) / k)
            begun = (np.abs(kept[:, None] - first).min(axis=1) ** 2).sum()
            ended = (best.astype(np.float64) ** 2).sum()
            assert ended <= begun * (1 + 1e-6), f"k = {k}: the squared error is {ended}, it began with {begun}"


def few_weights(sharing, rng):
    w = np.float32([[0, 0.3, 0.3], [-7, 0.1, 0]])
    values, codes = sharing.kmeans(w, 5)
    same(values, np.float32([-7, 0.1, 0.3]))
    same(codes, [[0, 3, 3], [1, 2, 0]])
    same(sharing.look_up(values, codes), w)
    values, codes = sharing.kmeans(np.float32([2, 2, 2, 3]), 1)
    same(values, [2.25])
    values, codes = sharing.kmeans(np.zeros((2, 3)), 4)
    same(values, np.zeros(0))
    same(codes, np.zeros((2, 3)))
    values, codes = sharing.kmeans(np.zeros((0, 3)), 4)
    same(codes, np.zeros((0, 3)))


def types(sharing, rng):
    values, codes = sharing.kmeans(rng.normal(size=50), 3)
    dtype(values, np.float32)
    dtype(codes, np.uint8)
    dtype(sharing.kmeans(np.arange(1.0, 301.0), 300)[1], np.uint16)
    for kind in (np.float32, np.float64):
        dtype(sharing.look_up(np.ones(2, kind), np.array([0, 1])), kind)
        dtype(sharing.codebook_gradient(np.ones(2, kind), np.array([0, 1]), 1), kind)
    dw = np.full(1 << 15, 1.0, np.float32)
    dw[0] = 2.0**25
    want = np.float32(2.0**25 + len(dw) - 1)                                   # in float32 the ones would be lost
    same(sharing.codebook_gradient(dw, np.ones(len(dw), int), 1), [want])


def random_beginnings(sharing, rng):
    w = np.sort(np.repeat(rng.normal(size=12), 30))
    for seed in range(5):
        drawn = np.asarray(sharing.first_values(w, 10, "random", seed))
        assert len(np.unique(drawn)) == 10, f"seed {seed}: {len(np.unique(drawn))} different values, expected 10"
        assert set(drawn.tolist()) <= set(w.tolist()), "the values are to be some of the numbers"
        same(sharing.first_values(w, 10, "random", seed), drawn)
    first = [tuple(np.asarray(sharing.first_values(w, 4, "random", seed)).tolist()) for seed in range(6)]
    assert len(set(first)) > 1, "each seed draws the same numbers"


def refusals(sharing, rng):
    same(sharing.kmeans(np.array([1.0, 2.0]), 1)[0], [1.5])                    # to refuse everything is no solution
    refuses(sharing.kmeans, np.ones(3), 0)
    refuses(sharing.kmeans, np.ones(3), 2, "forgy")
    refuses(sharing.kmeans, np.array([1.0, np.nan]), 1)
    refuses(sharing.kmeans, np.array([1.0, -np.inf]), 1)
