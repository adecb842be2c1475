"""The tests that students have. coding: variation.py, or the grader's link to it, with bytes as arrays (scenarios.py)."""

import numpy as np
from checking import same, stored


def narrow_by_hand(coding, rng):
    """Of [0, 1) with the counts 1, 2, 1 the middle half; of that with 3, 1, 1 the last fifth: from 13/20 to 15/20."""
    got = coding.narrow("0", "1", "1", np.array([1, 2, 1]), 1)
    assert list(got) == ["1", "2", "4"], f"got {got}, expected 1, 2, 4"
    got = coding.narrow("1", "2", "4", np.array([3, 1, 1]), 2)
    assert list(got) == ["13", "2", "20"], f"got {got}, expected 13, 2, 20"


def shortest_by_hand(coding, rng):
    same(coding.shortest("0", "1", "1"), np.zeros(0))
    same(coding.shortest("0", "1", "1000"), np.zeros(0))
    same(coding.shortest("1", "2", "4"), [64])                   # 1/4 itself
    same(coding.shortest("2", "1", "3"), [171])                  # 2/3 = 170.67 / 256
    same(coding.shortest("255", "1", "512"), [127, 128])         # from 127.5 / 256 to 128 / 256, which lies outside


def counts_by_hand(coding, rng):
    for counts, symbol, most, want in [([1, 2, 1], 1, 10, [1, 3, 1]), ([1, 2, 1], 1, 5, [1, 3, 1]),
                                       ([1, 2, 1], 1, 4, [1, 2, 1]), ([1, 1, 5], 0, 7, [1, 1, 3])]:
        got, given = coding.update(np.array(counts), symbol, most)
        same(got, want)
        same(given, counts)


def bytes_by_hand(coding, rng):
    same(coding.encode(np.array([1, 1, 0]), 2, 100), [0xAB])     # from 2/3 to 3/4
    same(coding.encode(np.array([2]), 3, 100), [171])
    same(coding.encode(np.array([0, 0, 0, 0]), 5, 100), np.zeros(0))
    same(coding.decode(np.uint8([0xAB]), 3, 2, 100), [1, 1, 0])


def cost(symbols, alphabet, most):
    """Σ log2(Σ counts / counts_s), with counts that are kept in another way."""
    counts, bits = dict.fromkeys(range(alphabet), 1), 0.0
    for symbol in symbols:
        total = sum(counts.values())
        bits += np.log2(total) - np.log2(counts[symbol])
        counts[symbol] += 1
        if total + 1 > most:
            counts = {s: -(-c // 2) for s, c in counts.items()}
    return bits


def there_and_back(coding, rng):
    for alphabet, most in ((2, 4), (5, 1000), (30, 64)):
        symbols = np.minimum(rng.geometric(0.4, 200) - 1, alphabet - 1)
        bound = cost(symbols.tolist(), alphabet, most)
        same(coding.ideal_bits(symbols, alphabet, most), bound, within=1e-6)
        data = coding.encode(symbols, alphabet, most)
        assert 8 * len(data) < bound + 9, f"{len(data)} bytes for {bound:.1f} bits"
        same(coding.decode(data, 200, alphabet, most), symbols)


def digits(coding, rng):
    """The weights of a pruned network, from −7 to 7: in fewer bits than Huffman's code, which takes one for each zero."""
    q = stored("pruned_network")["q1"].reshape(-1)[:1200].astype(int) + 7
    data = coding.encode(q, 15, 10**6)
    same(coding.decode(data, len(q), 15, 10**6), q)
    p = np.bincount(q)[np.bincount(q) > 0] / len(q)
    entropy = len(q) * (p @ np.log2(1 / p)) / 8
    assert len(data) < 1.15 * entropy + 12, f"{len(data)} bytes; the entropy is {entropy:.0f}"
