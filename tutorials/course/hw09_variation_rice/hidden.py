"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
code, packed, cheapest, good_lengths = (visible[name] for name in ("code", "packed", "cheapest", "good_lengths"))


def all_k(coding, rng):
    for k in range(16):
        values = rng.integers(0, 2 ** (k + 2), 30)
        bits = "".join(code(v, k) for v in values.tolist())
        same(coding.rice_encode(values, k), packed(bits))
        same(coding.rice_decode(packed(bits), k, 30), values)
    same(coding.rice_encode(np.array([100_000], np.int32), 15), packed(code(100_000, 15)))
    same(coding.rice_bits(np.uint8([200, 250, 255]), 0), 200 + 250 + 255 + 3)


def best_of_all(coding, rng):
    for scale in (0.3, 2, 30, 1000, 30_000):
        values = np.int64(rng.exponential(scale, 200))
        costs = [sum(len(code(v, k)) for v in values.tolist()) for k in range(16)]
        same(coding.best_k(values), int(np.argmin(costs)))
    same(coding.best_k(np.array([1, 1])), 0)                     # k = 0 and k = 1 both take 4 bits
    same(coding.best_k(np.zeros(0, int)), 0)


def nothing_at_all(coding, rng):
    same(coding.rice_bits(np.zeros(0, int), 3), 0)
    same(coding.rice_encode(np.zeros(0, int), 3), np.zeros(0))
    same(coding.rice_decode(np.zeros(0, np.uint8), 3, 0), np.zeros(0))


def damage(coding, rng):
    data = packed("000" + "1000" + "11001")                      # 0, 4, 9 with k = 2, and four zeros
    same(coding.rice_decode(data, 2, 4), [0, 4, 9, 0])           # the zeros that fill the byte are a code, too
    refuses(coding.rice_decode, data, 2, 5)
    refuses(coding.rice_decode, data, 2, 2)                      # the third code follows, with ones
    refuses(coding.rice_decode, np.uint8([0x11, 0x90, 0x00]), 2, 3)
    refuses(coding.rice_decode, np.uint8([0x11, 0x91]), 2, 3)
    refuses(coding.rice_decode, np.uint8([0xFF]), 2, 1)
    refuses(coding.rice_decode, np.uint8([0b11111110]), 2, 1)    # the zero is there, the two low bits are not
    refuses(coding.rice_decode, np.zeros(0, np.uint8), 2, 1)


def tight_and_wide_limits(coding, rng):
    for n in (2, 4, 8, 16, 13):
        counts = rng.integers(1, 50, n)
        limit = int(np.ceil(np.log2(n)))
        assert good_lengths(counts, coding.limited_lengths(counts, limit), limit) <= counts.sum() * limit
    same(coding.limited_lengths(rng.integers(1, 50, 16), 4), [4] * 16)
    fibonacci = np.array([1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144])
    costs = [good_lengths(fibonacci, coding.limited_lengths(fibonacci, limit), limit) for limit in range(4, 14)]
    merged = sum(sum(fibonacci[: i + 1]) for i in range(1, 12))  # without a limit: each merge takes in one more
    assert costs[-3:] == [merged] * 3 and sorted(costs, reverse=True) == costs, f"costs {costs} for the limits 4 … 13"


def unused_symbols(coding, rng):
    for limit in (3, 4):
        counts = np.int64([0, 7, 0, 1, 30, 2, 0, 0, 3])
        used = counts[counts > 0]
        got = good_lengths(counts, coding.limited_lengths(counts, limit), limit)
        assert got == cheapest(used, limit), f"{got} bits, {cheapest(used, limit)} are possible"
    many = np.int64(2 ** rng.uniform(0, 16, 256))
    good_lengths(many, coding.limited_lengths(many, 9), 9)


def refusals(coding, rng):
    same(coding.rice_bits(np.array([1]), 15), 16)                # to refuse everything is no solution
    same(coding.limited_lengths(np.array([1, 1]), 1), [1, 1])
    for function in (coding.rice_bits, coding.rice_encode):
        refuses(function, np.array([1, -1]), 2)
        refuses(function, np.array([1]), -1)
        refuses(function, np.array([1]), 16)
    refuses(coding.rice_decode, np.uint8([0]), 16, 0)
    refuses(coding.limited_lengths, np.array([1, 1, 1]), 1)
    refuses(coding.limited_lengths, np.array([1]), 0)
    refuses(coding.limited_lengths, np.zeros(3, int), 4)
