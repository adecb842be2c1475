"""The tests that students have. coding: variation.py, or the grader's link to it, with bytes as arrays (scenarios.py)."""

from itertools import product

import numpy as np
from checking import same, stored

TABLE = {0: "000", 1: "001", 2: "010", 3: "011", 4: "1000", 5: "1001", 9: "11001"}      # k = 2


def code(v, k):
    """Rice's code of one value."""
    low = "".join("1" if v >> bit & 1 else "0" for bit in reversed(range(k)))
    return "1" * (v // 2**k) + "0" + low


def packed(bits):
    return np.packbits(np.array(list(bits + "0" * (-len(bits) % 8)), np.uint8)) if bits else np.zeros(0, np.uint8)


def cheapest(counts, limit):
    """The smallest Σ count · length with Kraft's sum 1 and this limit, by trying all lengths."""
    tried = (lengths for lengths in product(range(1, limit + 1), repeat=len(counts)) if sum(0.5**d for d in lengths) == 1)
    return min(sum(int(c) * d for c, d in zip(counts, lengths, strict=True)) for lengths in tried)


def good_lengths(counts, got, limit):
    """The cost of a code, once it is known to be one."""
    same(np.asarray(got) > 0, np.asarray(counts) > 0)
    used = np.asarray(got)[np.asarray(counts) > 0].astype(float)
    assert used.max() <= limit, f"a length is {used.max():.0f}, the limit is {limit}"
    assert sum(0.5**used) == 1, f"Kraft's sum is {sum(0.5**used)}, expected 1"
    return int(np.asarray(counts) @ np.asarray(got))


def bits_by_hand(coding, rng):
    for v, string in TABLE.items():
        same(coding.rice_bits(np.array([v]), 2), len(string))
    same(coding.rice_bits(np.array([0, 4, 9]), 2), 12)
    same(coding.rice_bits(np.array([5, 0, 2]), 0), 6 + 1 + 3)
    same(coding.best_k(np.array([7, 9, 8, 10])), 2)             # 38, 24, 19, 19, 20, 24 bits with k = 0 … 5


def encoded_by_hand(coding, rng):
    same(coding.rice_encode(np.array([0, 4, 9]), 2), [0x11, 0x90])
    same(coding.rice_encode(np.array([3]), 0), [0b11100000])
    same(coding.rice_decode(np.array([0x11, 0x90], np.uint8), 2, 3), [0, 4, 9])


def there_and_back(coding, rng):
    for k in (0, 1, 3, 6):
        values = rng.geometric(0.1, 60) - 1
        bits = "".join(code(v, k) for v in values.tolist())
        got = coding.rice_encode(values, k)
        same(got, packed(bits))
        same(coding.rice_bits(values, k), len(bits))
        same(coding.rice_decode(packed(bits), k, 60), values)


def limits_by_hand(coding, rng):
    counts = np.array([1, 1, 2, 4, 8])
    same(coding.limited_lengths(counts, 4), [4, 4, 3, 2, 1])
    same(coding.limited_lengths(counts, 3), [3, 3, 3, 3, 1])
    same(coding.limited_lengths(np.array([9, 1, 1, 1]), 2), [2, 2, 2, 2])
    same(coding.limited_lengths(np.array([0, 4, 0]), 5), [0, 1, 0])


def limits(coding, rng):
    for n, limit in [(3, 2), (4, 3), (5, 3), (6, 4), (6, 3)]:
        counts = np.sort(np.int64(2 ** rng.uniform(0, 7, n)))
        cost, best = good_lengths(counts, coding.limited_lengths(counts, limit), limit), cheapest(counts, limit)
        assert cost == best, f"counts {counts.tolist()}, limit {limit}: {cost} bits, {best} are possible"


def digits(coding, rng):
    """The gaps between the weights of a pruned network: Rice's code needs no table, and is nearly as short as their entropy."""
    q = stored("pruned_network")["q1"].reshape(-1)
    gaps = np.diff(np.flatnonzero(q), prepend=-1) - 1
    k = coding.best_k(gaps)
    same(coding.rice_decode(coding.rice_encode(gaps, k), k, len(gaps)), gaps)
    p = np.bincount(gaps)[np.bincount(gaps) > 0] / len(gaps)
    bits, entropy = coding.rice_bits(gaps, k), len(gaps) * (p @ np.log2(1 / p))
    assert bits < 1.25 * entropy, f"{bits} bits with k = {k}; the entropy of the gaps is {entropy:.0f}"
