"""The tests that students have. groups: scenarios.py, or the grader's link to it."""

import numpy as np
from checking import dtype, same, stored


def groups_by_hand(groups, rng):
    w = np.array([[7.0, 0.1], [3.0, 0.7], [-1.4, 21.0], [0.2, -6.0]])
    q, S = groups.quantize_groups(w, 2, 4)            # qmax = 7
    same(S, np.float32([[1.0, 0.1], [0.2, 3.0]]), within=1e-7)
    same(q, [[7, 1], [3, 7], [-7, 7], [1, -2]])
    dtype(q, np.int8)
    dtype(S, np.float32)
    q, S = groups.quantize_groups(w, 4, 8)            # one group: one scale for each column
    same(S, np.float32([[7 / 127, 21 / 127]]), within=1e-7)
    same(q[:, 0], [127, 54, -25, 4])                          # 3.0 · 127/7 = 54.4, 1.4 · 127/7 = 25.4, 3.6


def products(groups, rng):
    same(groups.matmul_groups(np.array([[3, 1, 0, 5]], np.uint8), 1, np.array([[2], [9], [4], [-3]], np.int8),
                     np.float32([[0.5], [10.0]])), [[-158.0]])    # 0.5 (2·2 + 0·9) + 10 (−1·4 + 4·−3)
    for M, G, group, N in ((1, 1, 1, 1), (3, 2, 5, 4), (2, 6, 1, 3), (0, 2, 2, 2)):
        a, Z = rng.integers(0, 256, (M, G * group), np.uint8), int(rng.integers(0, 256))
        q, S = rng.integers(-128, 128, (G * group, N)).astype(np.int8), rng.uniform(0.01, 1, (G, N)).astype(np.float32)
        want = np.zeros((M, N))
        for m, n, k in np.ndindex(M, N, G * group):
            want[m, n] += float(S[k // group, n]) * (int(a[m, k]) - Z) * int(q[k, n])
        got = groups.matmul_groups(a, Z, q, S)
        same(got, want, within=1e-6 * max(1.0, np.abs(want).max(initial=0)))
        dtype(got, np.float32)


def halves_to_even(groups, rng):
    same(groups.divide_half_even(np.array([4, 5, 6, 7, 10, -5, -6, -7, -10]), 2), [1, 1, 2, 2, 2, -1, -2, -2, -2])
    same(groups.divide_half_even(np.array([5, -5]), 0), [5, -5])
    same(groups.divide_half_even(np.array([3, 3, -3]), np.array([1, 2, 1])), [2, 1, -2])


def single_rounding(groups, rng):
    got = groups.requantize_single(np.array([3, 4, 12, -4, 10_000, -10_000], np.int32), 2**30, -2, 0, -128, 127)
    same(got, [0, 1, 2, 0, 127, -128])                        # M = 1/8; ties go up
    dtype(got, np.int32)
    same(groups.requantize_single(np.array([7984], np.int32), 1583594044, -9, 0, -128, 127), [11])
    same(groups.requantize_single(np.array([5, -5], np.int32), 3 * 2**29, 2, 20, 0, 255), [35, 5])    # M = 3


def powers_of_two(groups, rng):
    same(groups.power_of_two(np.array([0.25, 0.3, 0.35, 0.36, 1.0, 3.0, 5.0])), [2, 2, 2, 1, 0, -2, -2])
    acc = np.array([6, 10, -6, 7, 4000, -4000], np.int32)
    got = groups.requantize_power_of_two(acc, 2, 3, 0, 255)
    same(got, [5, 5, 1, 5, 255, 0])                           # 6/4 and 10/4 are ties: 2, 2
    dtype(got, np.int32)
    same(groups.requantize_power_of_two(acc[:3], -3, 0, -128, 127), [48, 80, -48])


def digits(groups, rng):
    """64 → 16 → 10, trained in floats. Weights of 4 bits in groups of 8: at most six more of 360 images are wrong."""
    net = stored("byte_network")
    layers = tuple(net[name] for name in ("w1", "b1", "w2", "b2"))
    logits = groups.network(net["q"], float(net["S"]), int(net["Z"]), layers, 4, 8, float(net["S2"]))
    wrong = int((logits.argmax(axis=1) != net["labels"]).sum())
    assert wrong <= net["wrong"] + 6, f"{wrong} of 360 wrong with groups, {net['wrong']} in floats"
