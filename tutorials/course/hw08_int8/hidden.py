"""The tests that only the grader has. Expected values come from exact fractions."""

from fractions import Fraction
from math import floor

import numpy as np
from checking import dtype, refuses, same

HALF = Fraction(1, 2)
LIMITS = -(2**31), 2**31 - 1


def away(x):
    """To the nearest integer, halves away from zero."""
    return floor(abs(x) + HALF) * (1 if x >= 0 else -1)


def up(x):
    return floor(x + HALF)


def clamp(x, low, high):
    return min(max(x, low), high)


def exact(acc, M0, shift):
    """The fixed law's product by fractions."""
    shifted = clamp(acc * 2 ** max(shift, 0), *LIMITS)
    return away(Fraction(min(up(Fraction(shifted * M0, 2**31)), LIMITS[1]), 2 ** max(-shift, 0)))


def longest_sum(int8, rng):
    K = 65_793
    a = np.full((1, K), 255, np.uint8)
    for number in (-128, 127):
        w = np.full((K, 1), number, np.int8)
        got = int8.matmul_int8(a, w, np.zeros((1, 1), np.int32))
        same(got, [[255 * number * K]])
        dtype(got, np.int32)
        same(int8.matmul_int8_formula(a, w), [[255 * number * K]])
    a, w = np.full((1, 70_001), 255, np.uint8), np.full((70_001, 1), -128, np.int8)
    same(int8.matmul_int8_formula(a, w), [[-255 * 128 * 70_001]])        # the formula has 64 bits


def factors_at_the_edges(int8, rng):
    for M in (np.nextafter(1.0, 0), np.nextafter(0.25, 0)):             # m rounds up to 2^31
        got = int8.factor(float(M))
        same(got[0], 2**30)
        same(got[1], 1 if M > 0.5 else -1)
    for M, M0, shift in ((2.0**-32, 2**30, -31), (2.0**-33, 0, 0), (1e-300, 0, 0), (2.0**30 - 1, 2**31 - 2, 30)):
        got = int8.factor(M)
        same(got[0], M0)
        same(got[1], shift)
    M = 2.0 ** rng.uniform(-20, 20, (3, 50))
    got = int8.factor(M)
    assert got[2:] == ("int32", "int32", 2, 2), f"M0 and shift have to be int32 arrays of M's shape, got {got[2:]}"
    assert (got[0] >= 2**30).all(), "M0 has to be at least 2^30"
    same(got[0] * 2.0 ** (got[1].astype(float) - 31) / M, np.ones(M.shape), within=2.0**-31 * 1.001)
    for M in (-0.1, float("nan"), 2.0**30, float("inf"), np.array([0.5, -1e-9])):
        refuses(int8.factor, M)


def float_law(int8, rng):
    acc = rng.integers(-(2**26), 2**26, (40, 3)).astype(np.int32)
    M = np.float32([2.0**-19 * 1.3, 2.0**-20, 1e-6])
    for Z, low, high in ((0, -128, 127), (117, 0, 255), (117, 117, 255)):
        want = np.empty(acc.shape)
        for n, o in np.ndindex(acc.shape):
            want[n, o] = clamp(round(float(np.float32(acc[n, o]) * M[o])) + Z, low, high)
        same(int8.formula("requantize_float_formula", acc, M, Z, low, high), want)
        same(int8.single("requantize_float", acc, M, Z, low, high), want.ravel())
    acc = np.array([2**24 + 1, 2**24 + 3, -(2**24) - 1], np.int32)      # float32 rounds these
    same(int8.formula("requantize_float_formula", acc, np.float32(2.0**-17), -128, -128, 127), [0, 0, -128])
    acc = np.array([167_772_163], np.int32)                             # in float32 167,772,160: then a tie
    same(int8.formula("requantize_float_formula", acc, np.float32(2.0**-26), 0, -9, 9), [2])
    same(int8.formula("requantize_float_formula", np.zeros((0, 3), np.int32), M, 0, 0, 255), np.zeros((0, 3)))


def fixed_law(int8, rng):
    acc = np.concatenate([rng.integers(-5000, 5000, (300, 1)), rng.integers(-(2**31), 2**31, (100, 1))]).astype(np.int32)
    M0, shift = rng.integers(2**30, 2**31, 6).astype(np.int32), np.array([-12, -3, -1, 0, 2, -31], np.int32)
    M0[1], M0[2] = 2**30, 3 * 2**29                                     # many ties
    want = np.array([[exact(int(x), int(m), int(s)) for m, s in zip(M0, shift, strict=True)] for x in acc[:, 0]])
    same(int8.formula("multiply_by_quantized_multiplier_formula", acc, M0, shift), want)
    for Z, low, high in ((0, -128, 127), (90, 90, 255)):
        got = int8.formula("requantize_fixed_formula", acc, M0, shift, Z, low, high)
        same(got, np.clip(want + Z, low, high))
        dtype(got, np.int32)
    once = np.array([[up(Fraction(clamp(int(x) * 2 ** max(int(s), 0), *LIMITS) * int(m), 2 ** (31 + max(-int(s), 0))))
                      for m, s in zip(M0, shift, strict=True)] for x in acc[:, 0]])
    same(int8.formula("multiply_once_formula", acc, M0, shift), once)
    same(int8.formula("requantize_fixed_formula", acc, M0, shift, 90, 90, 255, "once"), np.clip(once + 90, 90, 255))
    x = rng.integers(-(2**31), 2**31, 200)
    for n in (0, 1, 5, 31):
        same(int8.formula("rounding_divide_by_power_of_two_formula", x, n), [away(Fraction(int(v), 2**n)) for v in x])
    y = rng.integers(-(2**31), 2**31, 200)
    same(int8.formula("saturating_rounding_doubling_high_multiply_formula", x, y),
         [up(Fraction(int(v) * int(u), 2**31)) for v, u in zip(x, y, strict=True)])


def single_numbers(int8, rng):
    x = np.concatenate([rng.integers(-60, 60, 100), rng.integers(-(2**31), 2**31, 100)])
    for n in (0, 1, 2, 31):
        same(int8.single("rounding_divide_by_power_of_two", x, n), [away(Fraction(int(v), 2**n)) for v in x])
    for left in (0, 3, 20):
        same(int8.single("shift_left", x, left), [clamp(int(v) * 2**left, *LIMITS) for v in x])
    for M0 in (2**30, 3 * 2**29, 2**31 - 1, 0):
        same(int8.single("rounding_doubling_high_multiply", x, np.int32(M0)), [up(Fraction(int(v) * M0, 2**31)) for v in x])
        for right in (0, 2, 7):
            want = [away(Fraction(up(Fraction(int(v) * M0, 2**31)), 2**right)) for v in x]
            same(int8.single("multiply", x, np.int32(M0), right), want)
            same(int8.single("requantize_fixed", x, np.int32(M0), right, 5, 0, 255), [clamp(v + 5, 0, 255) for v in want])
            once = [up(Fraction(int(v) * M0, 2 ** (31 + right))) for v in x]
            same(int8.single("multiply_once", x, np.int32(M0), 31 + right), once)
            same(int8.single("requantize_once", x, np.int32(M0), 31 + right, 5, 0, 255), [clamp(v + 5, 0, 255) for v in once])
    y = np.float32([0.5, 1.5, -0.5, 3e9, -3e9])
    same(int8.single("round_and_clamp", y, 10, 0, 255), [10, 12, 10, 255, 0])
