"""The tests that students have. coding: scenarios.py, or the grader's link to it."""

import numpy as np
from checking import same, stored

HALF, QUARTER = 2**15, 2**14


def costs_by_hand(coding, rng):
    same(coding.ideal_bits(np.array([1, 0, 1]), np.array([QUARTER, HALF, HALF // 4])), 2 + 1 + 3, within=1e-9)
    same(coding.ideal_bits(np.array([0, 0]), np.array([QUARTER, 3 * QUARTER])), np.log2(4 / 3) + 2, within=1e-9)
    same(coding.ideal_bits(np.zeros(0, int), np.zeros(0, int)), 0)


def interval_by_hand(coding, rng):
    """A quarter of 2^32, its upper half, then all of it: the leading bytes 0x20 … 0x3f differ. And 8 halvings: a byte goes."""
    seen, spent = coding.interval(np.array([1, 0]), np.array([QUARTER, HALF]))
    same(seen, [[0, 2**30 - 1], [2**29, 2**30 - 1]])
    same(spent, [0, 3])
    seen, spent = coding.interval(np.array([1] * 8), np.full(8, HALF))
    same(seen[:3], [[0, 2**31 - 1], [0, 2**30 - 1], [0, 2**29 - 1]])
    same(seen[-1], [0, 2**32 - 1])
    same(spent, [0, 8])


def bytes_by_hand(coding, rng):
    """With halves, a 1 is the lower half, a binary 0, and a 0 the upper half, a binary 1."""
    same(coding.encode(np.array([0, 1, 1, 0, 1, 0, 0, 1]), np.full(8, HALF)), [0b10010110])
    same(coding.encode(np.array([0]), np.full(1, HALF)), [0b10000000])
    same(coding.encode(np.array([1, 1, 1]), np.full(3, HALF)), np.zeros(0))      # 0 lies in the interval: no byte is needed
    same(coding.ending(0x12345678, 0x12FFFFFF), [0x12, 0x35])


def there_and_back(coding, rng):
    for size in (0, 1, 30, 300):
        P = rng.integers(1, 2**16, size)
        bits = (rng.integers(0, 2**16, size) < P).astype(int)
        data = coding.encode(bits, P)
        same(coding.decode(data, P), bits)
        cost = coding.ideal_bits(bits, P)
        assert 8 * len(data) < cost + 16, f"{len(data)} bytes for {cost:.1f} bits"


def logistic(coding, rng):
    s = np.arange(-12 * 128, 12 * 128 + 1) / 128
    same(coding.squash_table(), 65536 / (1 + np.exp(-s)), within=0.501)


def contexts(coding, rng):
    bits = rng.integers(0, 2, 50)
    p, want = 0.5, []
    for n, bit in enumerate(bits.tolist()):
        p += (bit - p) / (n + 1.6)
        want.append((p, n + 1))
    same(coding.counted(bits), want, within=1e-4)


def reals(slots, bits, mixers):
    """The formulas in real numbers: what `mixed` should give, nearly."""
    p, n, w, seen = np.full(slots.max() + 1, 0.5), np.zeros(slots.max() + 1), np.full((2, slots.shape[1]), 0.0), []
    w[:] = 1 / slots.shape[1] + 0.05
    for own, bit, mixer in zip(slots, bits.tolist(), mixers.tolist(), strict=True):
        s = np.log(p[own] / (1 - p[own]))
        seen.append(1 / (1 + np.exp(-w[mixer] @ s)))
        w[mixer] += (bit - seen[-1]) * s / 128
        p[own] += (bit - p[own]) / (n[own] + 1.6)
        n[own] += 1
    return np.array(seen), w, p


def mixing(coding, rng):
    slots = np.stack([rng.integers(0, 3, 150), 3 + rng.integers(0, 2, 150)], axis=1)
    bits = (rng.random(150) < np.where(slots[:, 1] == 3, 0.1, 0.7)).astype(int)
    mixers = rng.integers(0, 2, 150)
    got, want = coding.mixed(slots, bits, mixers), reals(slots, bits, mixers)
    for one, two, within in zip(got, want, (0.02, 0.01, 1e-3), strict=True):
        same(one, two, within=within)


def digits(coding, rng):
    """Where the weights of a pruned network are: two contexts, row and column so far, beat the entropy of single places."""
    places = (stored("pruned_network")["q1"] != 0).astype(int)
    above, left = np.cumsum(places, axis=0) - places, np.cumsum(places, axis=1) - places
    known = np.minimum(np.stack([above, left], axis=-1), 9).reshape(-1, 2)
    size, back = coding.learnt_bytes(places.reshape(-1), known)
    p = places.mean()
    bound = -places.size * (p * np.log2(p) + (1 - p) * np.log2(1 - p)) / 8
    assert back, "the places do not come back"
    assert size < 0.97 * bound, f"{size} bytes; the entropy of single places is {bound:.0f}"
