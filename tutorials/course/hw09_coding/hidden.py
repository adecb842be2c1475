"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
bits_of, canonical, walk = visible["bits_of"], visible["canonical"], visible["walk"]


def cost(weights):
    """Σ weight · depth of Huffman's tree: the sum of all weights that arise by merging, with two queues that stay sorted."""
    leaves, merged, total = sorted(int(w) for w in weights), [], 0

    def lightest():
        return (merged if not leaves or merged and merged[0] <= leaves[0] else leaves).pop(0)

    while len(leaves) + len(merged) > 1:
        merged.append(lightest() + lightest())
        total += merged[-1]
    return total


def many_symbols(coding, rng):
    for weights in (rng.integers(1, 1000, 300), 2 ** np.arange(20), np.ones(257, int), np.array([1, 1, 2, 3, 5, 8, 13, 21])):
        got = coding.leaf_depths(tuple(weights))
        assert sum(0.5 ** got.astype(float)) == 1, "Kraft's sum of the lengths has to be 1"
        assert int(weights @ got) == cost(weights), f"{weights @ got} bits, {cost(weights)} are possible"
    got = coding.leaf_depths(tuple(rng.integers(1, 10**6, 20_000)))             # in time
    assert sum(0.5 ** got.astype(float)) == 1


def all_lengths(coding, rng):
    """Codes from 1 to 24 bits, gaps between the lengths, one symbol alone."""
    for lengths in ([1, *range(2, 24), 24, 24], [2, 2, 2, 4, 4, 5, 5, 5, 5], [0, 0, 1, 0], [4, 0, 1, 3, 4, 3, 3]):
        strings = canonical(lengths)
        same(coding.codes(np.array(lengths)), [int(strings.get(s, "0"), 2) for s in range(len(lengths))])
        symbols = rng.choice(list(strings), 40)
        bits = "".join(strings[s] for s in symbols.tolist())
        data = coding.encode_as_array(symbols, np.array(lengths))
        assert bits_of(data) == bits + "0" * (-len(bits) % 8), f"lengths {lengths}: wrong bits"
        for read in (coding.decode_from_array, coding.decode_reference_from_array):
            same(read(data, np.array(lengths), 40), symbols)


def nothing_at_all(coding, rng):
    lengths = np.array([1, 2, 2])
    same(coding.encode_as_array(np.zeros(0, int), lengths), np.zeros(0))
    for read in (coding.decode_from_array, coding.decode_reference_from_array):
        got = read(np.zeros(0, np.uint8), lengths, 0)
        same(got, np.zeros(0))
        dtype(got, np.uint16)
    for part in coding.to_relative(np.zeros(9, np.int8), 3):
        same(part, np.zeros(0))
    same(coding.relative_bits(np.zeros(9), 3, 5), 0)
    same(coding.from_relative(np.zeros(0, np.uint16), np.zeros(0, np.int8), 9), np.zeros(9))


def damage(coding, rng):
    """Streams that end too soon or too late, and codes that stand for nothing."""
    lengths, data = np.array([1, 2, 2]), np.array([0x4C, 0x80], np.uint8)      # 0 10 0 11 0 0 | 10 …
    for function in ("decode", "decode_reference"):
        def bad(count, data=data, lengths=lengths, function=function):
            return coding.damaged(function, data, lengths, count)
        assert not bad(7), f"{function}: seven symbols are there"
        assert bad(5), f"{function}: a byte follows the last symbol"
        assert bad(17), f"{function}: 17 symbols do not fit into 16 bits"
        assert bad(14), f"{function}: the stream ends before the 14th symbol"
        assert bad(2, np.array([0b01000000], np.uint8), np.array([1])), f"{function}: a 1 stands for nothing"
        assert bad(2, data, np.array([1, 1, 1])), f"{function}: three codes of one bit"
        assert bad(1, np.array([0xFF, 0xFF], np.uint8), np.array([9, 9])), f"{function}: lengths of no complete code"


def runs_at_the_edges(coding, rng):
    for index_bits in (1, 2, 3, 8, 16):
        span = 2**index_bits
        for zeros in (0, span - 2, span - 1, span, span + 1, 2 * span - 1, 2 * span, 3 * span + 1):
            for after in (0, span):
                dense = np.array([0] * zeros + [-5] + [0] * after, np.int8)
                gaps, values = coding.to_relative(dense, index_bits)
                same(gaps, [span - 1] * (zeros // span) + [zeros % span])
                same(values, [0] * (zeros // span) + [-5])
                dtype(values, np.int8)
                same(coding.relative_bits(dense, index_bits, 4), (zeros // span + 1) * (index_bits + 4))
                if index_bits <= 8:
                    got = coding.from_relative(gaps.astype(np.uint8), values, len(dense))
                    same(got, dense)
                    dtype(got, np.int8)
                same(coding.from_relative(gaps, values, len(dense)), dense)


def widths(coding, rng):
    for density in (0.01, 0.1, 0.4):
        dense = rng.uniform(size=2000) < density
        costs = [len(walk(dense.tolist(), b)[0]) * (b + 6) for b in range(1, 17)]
        for b in range(1, 17):
            same(coding.relative_bits(dense, b, 6), costs[b - 1])
        same(coding.best_index_bits(dense, 6), 1 + int(np.argmin(costs)))


def refusals(coding, rng):
    assert not coding.is_format_error("from_relative", np.uint8([2, 4]), np.ones(2), 8)      # to refuse all is no solution
    for gaps, values, size in [(np.uint8([2, 5]), np.ones(2), 8), (np.uint8([2, 5, 0]), np.ones(3), 8),
                               (np.uint16([65535]), np.ones(1), 100), (np.uint8([0, 0, 0]), np.ones(2), 8)]:
        assert coding.is_format_error("from_relative", gaps, values, size), f"gaps {gaps.tolist()}, size {size}: a FormatError"
    refuses(coding.from_relative, np.array([-3]), np.ones(1), 8, error=TypeError)
    refuses(coding.to_relative, np.zeros((3, 4)), 3)
    refuses(coding.to_relative, np.zeros(3), 0)
    refuses(coding.to_relative, np.zeros(3), 17)
    assert coding.is_format_error("codes", np.array([1, 1, 1])), "codes: three codes of one bit are a FormatError"
    assert coding.is_format_error("codes", np.array([1, 2])), "codes: an incomplete code is a FormatError"
