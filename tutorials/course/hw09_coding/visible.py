"""The tests that students have. coding: scenarios.py, or the grader's link to it."""

from itertools import product

import numpy as np
from checking import dtype, same, stored


def bits_of(data):
    return "".join(f"{byte:08b}" for byte in (np.asarray(data, np.uint8) if not isinstance(data, bytes) else data))


def cheapest(weights):
    """The smallest Σ weight · depth of any complete code, by trying all depths."""
    tried = (depths for depths in product(range(1, len(weights)), repeat=len(weights)) if sum(0.5**d for d in depths) == 1)
    return min(sum(w * d for w, d in zip(weights, depths, strict=True)) for depths in tried)


def canonical(lengths):
    """The codes as strings, length by length."""
    found, code = {}, 0
    for length in range(1, max(lengths) + 1):
        code *= 2
        for symbol, own in enumerate(lengths):
            if own == length:
                found[symbol] = f"{code:0{length}b}"
                code += 1
    return found


def walk(dense, index_bits):
    """Gaps and values by a walk over the array."""
    gaps, values, last = [], [], -1
    for place, value in enumerate(dense):
        if value:
            while place - last > 2**index_bits:
                gaps, values, last = [*gaps, 2**index_bits - 1], [*values, 0], last + 2**index_bits
            gaps, values, last = [*gaps, place - last - 1], [*values, value], place
    return gaps, values


def entropies(coding, rng):
    same(coding.entropy_bits(np.array([2, 1, 1])), 1.5, within=1e-12)
    same(coding.entropy_bits(np.array([8, 0, 4, 2, 1, 1])), 1.875, within=1e-12)
    same(coding.entropy_bits(np.full(16, 3)), 4.0, within=1e-12)
    same(coding.entropy_bits(np.array([0, 7])), 0.0)


def lengths_by_hand(coding, rng):
    same(coding.leaf_depths((5, 2, 1, 1)), [1, 2, 3, 3])
    same(coding.leaf_depths((8, 4, 2, 1, 1)), [1, 2, 3, 4, 4])
    same(coding.leaf_depths((3,)), [1])
    word = np.array([5, 2, 1, 1, 2])                            # ABRACADABRA
    assert word @ coding.leaf_depths(tuple(word)) == 23, "ABRACADABRA takes 23 bits"
    same(coding.code_lengths(np.array([5, 2, 0, 1, 1])), [1, 2, 0, 3, 3])


def shortest(coding, rng):
    for n in (2, 3, 4, 5, 5):
        weights = rng.integers(1, 20, n)
        got = coding.leaf_depths(tuple(weights))
        best = cheapest(weights)
        assert weights @ got == best, f"weights {weights.tolist()}: {weights @ got} bits, {best} are possible"


def canonical_codes(coding, rng):
    lengths = np.array([3, 3, 3, 3, 3, 2, 4, 4])                # RFC 1951, section 3.2.2
    got = coding.codes(lengths)
    same(got, [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111])
    dtype(got, np.uint32)
    same(coding.codes(np.array([0, 2, 0, 1, 0, 2])), [0, 0b10, 0, 0, 0, 0b11])


def bits_by_hand(coding, rng):
    """0 10 0 11 | 00, and eleven letters: A 0, B 100, C 101, D 110, R 111."""
    same(np.frombuffer(coding.encode_as_array(np.array([0, 1, 0, 2]), np.array([1, 2, 2])), np.uint8), [0x4C])
    word = np.array([0, 1, 4, 0, 2, 0, 3, 0, 1, 4, 0])
    got = coding.encode_as_array(word, np.array([1, 3, 3, 3, 3]))
    assert bits_of(got) == "010011101010110010011100", f"ABRACADABRA became {bits_of(got)}"


def read_again(coding, rng):
    lengths = np.array([2, 0, 3, 3, 1])
    strings = canonical(lengths.tolist())
    symbols = rng.choice([0, 2, 3, 4], 50)
    bits = "".join(strings[s] for s in symbols.tolist())
    data = np.array([int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8)], np.uint8)
    for read in (coding.decode_from_array, coding.decode_reference_from_array):
        got = read(data, lengths, 50)
        same(got, symbols)
        dtype(got, np.uint16)


def figure_2(coding, rng):
    dense = np.zeros(16, np.float32)
    dense[[1, 4, 15]] = 3.5, 0.5, 1.75
    gaps, values = coding.to_relative(dense, 3)
    same(gaps, [1, 2, 7, 2])
    same(values, [3.5, 0.5, 0.0, 1.75])
    dtype(gaps, np.uint16)
    dtype(values, np.float32)
    same(coding.from_relative(gaps, values, 16), dense)
    same(coding.relative_bits(dense, 3, 5), 4 * 8)


def gaps_by_a_walk(coding, rng):
    for index_bits in (1, 2, 3, 4):
        dense = rng.integers(1, 9, 300) * (rng.uniform(size=300) < 0.15)
        gaps, values = coding.to_relative(dense, index_bits)
        want = walk(dense.tolist(), index_bits)
        same(gaps, want[0])
        same(values, want[1])
        same(coding.from_relative(gaps, values, 300), dense)
        same(coding.relative_bits(dense, index_bits, 6), len(want[0]) * (index_bits + 6))


def digits(coding, rng):
    """A pruned network of integers becomes few bytes and comes back, number by number, with the same answers."""
    net = stored("pruned_network")
    images = (net["images"] / 255 - 0.3055) / 0.376

    def wrong(q1, q2):
        hidden = np.maximum(images @ (net["S1"][:, None] * q1).T + net["b1"], 0)
        return int((np.argmax(hidden @ (net["S2"][:, None] * q2).T + net["b2"], axis=1) != net["labels"]).sum())

    size, back = zip(*(coding.through_a_file(net[name], 5) for name in ("q1", "q2")), strict=True)
    for name, q in zip(("q1", "q2"), back, strict=True):
        same(q, net[name])
    assert wrong(*back) == wrong(net["q1"], net["q2"])
    weights = net["q1"].size + net["q2"].size
    assert 8 * sum(size) < 1.6 * weights, f"{8 * sum(size)} bits for {weights} weights; less than 1.6 for each is possible"
