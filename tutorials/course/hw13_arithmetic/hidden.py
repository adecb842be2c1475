"""The tests that only the grader has."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from checking import same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
HALF, reals = visible["HALF"], visible["reals"]


def fractions(coding, rng):
    """Eight bits of eighths: 32 bits round next to nothing off, and the code is the shortest number in the exact interval."""
    for _ in range(20):
        bits, eighths = rng.integers(0, 2, 12), rng.integers(1, 8, 12)
        low, width = Fraction(0), Fraction(1)
        for bit, P in zip(bits.tolist(), eighths.tolist(), strict=True):
            low, width = (low, width * P / 8) if bit else (low + width * P / 8, width * (8 - P) / 8)
        got = coding.encode(bits, eighths * 2**13)
        number = Fraction(int.from_bytes(got.astype(np.uint8).tobytes(), "big"), 256 ** len(got))
        assert low - Fraction(1, 2**24) <= number < low + width, f"{float(number)} does not lie in its interval"
        fewest = next(n for n in range(9) if -(-low * 256**n // 1) < (low + width) * 256**n)
        assert len(got) <= fewest + (width < Fraction(1, 2**20)), f"{len(got)} bytes, {fewest} are enough"


def nearly_certain(coding, rng):
    bits = (np.arange(4000) % 400 == 7).astype(int)
    P = np.full(4000, 2**16 // 400)
    cost = coding.ideal_bits(bits, P)
    same(cost, 10 * np.log2(65536 / 163) + 3990 * np.log2(65536 / (65536 - 163)), within=1e-6)
    data = coding.encode(bits, P)
    assert len(data) < 1.01 * cost / 8 + 1, f"{len(data)} bytes for {cost:.1f} bits"
    same(coding.decode(data, P), bits)
    same(coding.interval(np.array([1]), np.array([1]))[0], [[0, 2**32 - 1]])      # 16 bits: two bytes go at once
    surprise = np.array([0, 1] * 20)                             # each of the likely ones is never there
    P = np.array([65535, 1] * 20)
    same(coding.decode(coding.encode(surprise, P), P), surprise)


def endings(coding, rng):
    same(coding.ending(0, 2**32 - 1), np.zeros(0))
    same(coding.ending(1, 2**32 - 1), [1])
    same(coding.ending(0x10000000, 0x1FFFFFFF), [0x10])
    same(coding.ending(0x10000001, 0x10FFFFFF), [0x10, 0x01])
    same(coding.ending(0x12FFFFFE, 0x13000001), [0x13])
    same(coding.ending(0x12345678, 0x1234567F), [0x12, 0x34, 0x56, 0x78])
    same(coding.ending(0x12345601, 0x12345723), [0x12, 0x34, 0x57])


def whom_to_believe(coding, rng):
    """The second context knows the bit, the first is noise: its weight falls behind."""
    truth = rng.integers(0, 2, 600)
    slots = np.stack([rng.integers(0, 2, 600), 2 + truth], axis=1)
    bits = np.where(rng.random(600) < 0.05, 1 - truth, truth)
    got, want = coding.mixed(slots, bits, np.zeros(600, int)), reals(slots, bits, np.zeros(600, int))
    for one, two, within in zip(got, want, (0.03, 0.03, 2e-3), strict=True):
        same(one, two, within=within)
    assert got[1][0, 1] > got[1][0, 0] + 0.3, f"the weights are {got[1][0]}"


def limits(coding, rng):
    seen = coding.counted(np.ones(1100, int))
    same(seen[-1, 1], 1023)
    assert 0.999 < seen[-1, 0] <= 1
    for w in (4.0, 100.0, -100.0):                                # beyond ±12 stretch is cut off
        same(coding.opinion_of_weights(w, 40), 65520 / 65536 if w > 0 else 16 / 65536, within=1e-9)


def damage(coding, rng):
    bits, P = rng.integers(0, 2, 100), np.full(100, HALF)
    data = coding.encode(bits, P).astype(np.uint8)
    assert not coding.refused(data, P), "a whole code is refused"
    for wrong in data[:4], np.append(data, np.uint8(0)), np.append(data, np.uint8([0x80, 7])):
        assert coding.refused(wrong, P), "bytes are missing, or follow the end"
