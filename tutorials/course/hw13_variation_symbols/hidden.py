"""The tests that only the grader has."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from checking import refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
cost = visible["cost"]


def exact(coding, rng):
    """Sixty steps: the three numbers are those of exact fractions, whose scale is the product of all totals."""
    low, width, scale, state = Fraction(0), Fraction(1), 1, ("0", "1", "1")
    for _ in range(60):
        counts = rng.integers(1, 9, 4)
        symbol, total = int(rng.integers(4)), int(counts.sum())
        low, width = low + width * Fraction(int(counts[:symbol].sum()), total), width * Fraction(int(counts[symbol]), total)
        scale *= total
        state = coding.narrow(*state, counts, symbol)
        want = [str(n) for n in (low * scale, width * scale, scale)]
        assert list(state) == want, f"got {state}, expected {want}"
    data = coding.shortest(*state).astype(np.uint8).tobytes()
    number = Fraction(int.from_bytes(data, "big"), 256 ** len(data))
    assert low <= number < low + width, "the number lies outside its interval"
    n = len(data) - 1
    assert -(-low * 256**n // 1) >= (low + width) * 256**n, f"{n} bytes are enough"


def forgetting(coding, rng):
    """The first half has one symbol, the second half another: short memories cost less, and both come back."""
    symbols = np.array([0] * 150 + [1] * 150)
    sizes = []
    for most in (10, 1000):
        bits = coding.ideal_bits(symbols, 3, most)
        same(bits, cost(symbols.tolist(), 3, most), within=1e-6)
        data = coding.encode(symbols, 3, most)
        same(coding.decode(data, 300, 3, most), symbols)
        sizes.append(len(data))
    two = np.tile([0] * 20 + [1] * 20, 6)
    short, long = (len(coding.encode(two, 2, most)) for most in (12, 1000))
    assert short < 0.85 * long, f"{short} bytes with a short memory, {long} with a long one"


def nothing_at_all(coding, rng):
    same(coding.encode(np.zeros(0, int), 3, 10), np.zeros(0))
    same(coding.decode(np.zeros(0, np.uint8), 0, 3, 10), np.zeros(0))
    same(coding.ideal_bits(np.zeros(0, int), 3, 10), 0)
    same(coding.encode(np.zeros(50, int), 1, 10), np.zeros(0))   # a lone symbol says nothing
    same(coding.decode(np.zeros(0, np.uint8), 50, 1, 10), np.zeros(50))


def damage(coding, rng):
    symbols = rng.integers(0, 4, 40)
    data = coding.encode(symbols, 4, 100).astype(np.uint8)
    same(coding.decode(data, 40, 4, 100), symbols)
    for wrong in (np.append(data, np.uint8(0)), np.append(data, np.uint8(200)), np.append(data[:3], np.uint8(0))):
        refuses(coding.decode, wrong, 40, 4, 100)
    refuses(coding.decode, data, 3, 4, 100)                      # the other symbols follow
    refuses(coding.decode, np.uint8([255] * 9), 2, 4, 100)


def refusals(coding, rng):
    same(coding.decode(coding.encode(np.array([1]), 2, 4), 1, 2, 4), [1])        # to refuse everything is no solution
    for function in (coding.encode, coding.ideal_bits):
        refuses(function, np.array([0, 3]), 3, 10)
        refuses(function, np.array([-1]), 3, 10)
        refuses(function, np.array([0]), 3, 5)
        refuses(function, np.array([], int), 0, 5)
    refuses(coding.decode, np.uint8([1]), 1, 3, 5)
