"""The tests that only the grader has."""

from fractions import Fraction
from math import floor

import numpy as np
from checking import refuses, same


def clamp(x, low, high):
    return min(max(x, low), high)


def groups_of_all_sizes(groups, rng):
    for bits in range(2, 9):
        group = int(rng.integers(1, 6))
        w, qmax = rng.normal(size=(group * 4, 3)), 2 ** (bits - 1) - 1
        w[:group, 1] = 0.0
        q, S = groups.quantize_groups(w, group, bits)
        same(S[0, 1], 1.0)
        same(q[:group, 1], np.zeros(group))
        for g, n in np.ndindex(4, 3):
            part = slice(g * group, (g + 1) * group)
            if (g, n) != (0, 1):
                same(np.abs(q[part, n].astype(int)).max(), qmax)
            same(q[part, n] * float(S[g, n]), w[part, n], within=float(S[g, n]) * 0.5001)
    same(groups.quantize_groups(np.array([[1.0], [0.5], [1.0], [-0.5]]), 2, 2)[0], [[1], [0], [1], [0]])  # ties


def long_groups(groups, rng):
    K = 70_000                                                # too long for int32
    a, q = np.full((1, K), 255, np.uint8), np.full((K, 2), -128, np.int8)
    q[:, 1] = 127
    exact = [-255 * 128 * K, 255 * 127 * K]
    same(groups.matmul_groups(a, 0, q, np.ones((1, 2), np.float32)), np.float32([exact]))
    S = np.float32([[1.0, 0.5], [-1.0, -0.5]])                # two halves that cancel: exactly
    same(groups.matmul_groups(a, 3, q, S), [[0.0, 0.0]])


def single_rounding(groups, rng):
    acc = np.concatenate([rng.integers(-5000, 5000, (200, 1)), rng.integers(-(2**31), 2**31, (50, 1))]).astype(np.int32)
    M0, shift = rng.integers(2**30, 2**31, 6).astype(np.int32), np.array([-12, -3, -1, 0, 2, -31], np.int32)
    M0[1] = 2**30                                             # many ties
    for Z, low, high in ((0, -128, 127), (90, 90, 255)):
        want = [[clamp(floor(Fraction(int(x) * int(m), 2**31) * Fraction(2) ** int(s) + Fraction(1, 2)) + Z, low, high)
                 for m, s in zip(M0, shift, strict=True)] for x in acc[:, 0]]
        same(groups.requantize_single(acc, M0, shift, Z, low, high), want)


def halves_to_even(groups, rng):
    x = np.concatenate([np.arange(-40, 41), rng.integers(-(2**31), 2**31, 100), rng.integers(-(2**52), 2**52, 50)])
    for n in (0, 1, 2, 3, 10, 31):
        same(groups.divide_half_even(x, n), [round(Fraction(int(v), 2**n)) for v in x])


def powers_of_two(groups, rng):
    M = 2.0 ** rng.uniform(-20, 10, (4, 5))
    n = groups.power_of_two(M)
    same(np.abs(np.log2(M) + n) <= 0.5, np.ones((4, 5)))
    same(np.shape(groups.power_of_two(0.1)), ())
    acc = rng.integers(-5000, 5000, (60, 4)).astype(np.int32)
    n = np.array([0, 3, 5, -2])
    want = [[clamp(round(int(x) / Fraction(2) ** int(k)) + 7, 7, 255) for x, k in zip(row, n, strict=True)] for row in acc]
    same(groups.requantize_power_of_two(acc, n, 7, 7, 255), want)


def refusals(groups, rng):
    same(groups.power_of_two(0.5), 1)                 # to refuse everything is no solution
    same(groups.quantize_groups(np.ones((4, 1)), 2, 8)[0], [[127]] * 4)
    same(groups.matmul_groups(np.ones((1, 4), np.uint8), 0, np.ones((4, 1), np.int8), np.float32([[1], [1]])), [[4]])
    refuses(groups.quantize_groups, np.ones((5, 2)), 2, 8)
    refuses(groups.quantize_groups, np.ones((4, 2)), 2, 9)
    refuses(groups.quantize_groups, np.ones((4, 2)), 2, 1)
    refuses(groups.matmul_groups, np.ones((1, 5), np.uint8), 0, np.ones((5, 2), np.int8), np.ones((2, 2), np.float32))
    refuses(groups.power_of_two, 0.0)
    refuses(groups.power_of_two, np.array([1.0, -1.0]))
