"""arithmetic: bits come back, cost what their probabilities say, and the coder is that of exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.coding.arithmetic import HALF, ONE, Coder, code_bit, decode, encode, ideal_bits
from nnlite.errors import FormatError

messages = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([1, 16, 700, 20000, HALF, 50000, 65520, 65535])), max_size=300)


def split(message):
    return np.array([bit for bit, _ in message], int), np.array([P for _, P in message], int)


@settings(deadline=None, max_examples=60)
@given(messages)
def test_the_bits_come_back_and_take_what_their_probabilities_allow(message):
    bits, P = split(message)
    data = encode(bits, P)
    assert decode(data, P).tolist() == bits.tolist()
    assert len(data) <= ideal_bits(bits, P) / 8 + 2.01 + 0.001 * len(bits)


def test_ideal_bits_are_the_sum_of_log2_of_one_over_p():
    assert ideal_bits([1, 0, 1], [ONE // 4, ONE // 4, ONE // 8]) == pytest.approx(2 + np.log2(4 / 3) + 3)


def test_the_file_is_the_shortest_number_in_the_interval_of_exact_fractions():
    # Short messages, in which the coder's 32 bits round nothing off: P are eighths.
    rng = np.random.default_rng(0)
    for _ in range(50):
        bits, eighths = rng.integers(0, 2, 8), rng.integers(1, 8, 8)
        low, width = Fraction(0), Fraction(1)
        for bit, P in zip(bits.tolist(), eighths.tolist(), strict=True):
            if bit:
                width *= Fraction(P, 8)
            else:
                low, width = low + width * Fraction(P, 8), width * Fraction(8 - P, 8)
        data = encode(bits, eighths * ONE // 8)
        number = Fraction(int.from_bytes(data, "big"), 256 ** len(data))
        assert low - Fraction(1, 2**28) <= number < low + width
        shorter = 256 ** max(len(data) - 1, 0)
        assert len(data) == 0 or -(-low * shorter // 1) >= (low + width) * shorter - Fraction(1, 2**8)  # no shorter number fits


def test_a_bit_byte_by_byte():
    # Halves: the number is 0.1̅ where 1 is the lower half: each 1 puts a binary 0, each 0 a binary 1.
    assert encode([0, 1, 1, 0, 1, 0, 0, 1] * 2, HALF).hex() == "9696"
    assert encode([], []).hex() == "" and encode([1] * 100, 65535).hex() == ""


def test_nearly_certain_bits_cost_far_less_than_one_each():
    bits = (np.arange(10_000) % 200 == 0).astype(int)
    P = ONE // 200
    entropy = 10_000 * (-np.log2(1 / 200) / 200 - 199 / 200 * np.log2(199 / 200))
    assert ideal_bits(bits, P) == pytest.approx(entropy, rel=1e-3)
    assert entropy / 8 < len(encode(bits, P)) < 1.01 * entropy / 8 + 1


def test_the_interval_narrows_by_the_probability_and_never_closes():
    coder = Coder()
    coder.reserve(3)
    assert code_bit(coder.tape, 1, ONE // 4) == 1
    assert coder.tape.state[:2].tolist() == [0, 2**30 - 1]  # the lower quarter
    code_bit(coder.tape, 0, ONE // 2)
    assert coder.tape.state[:2].tolist() == [2**29, 2**30 - 1]
    assert coder.tape.bits[0] == 3


def test_bits_are_entered_under_the_part_that_they_are_spent_on():
    coder = Coder(parts=3)
    coder.number(5, 3)
    coder.spend_on(2)
    coder.bit(1, ONE // 4)
    assert coder.tape.bits.tolist() == [3, 0, 2]


def test_numbers_are_written_highest_bit_first_and_read_by_the_same_calls():
    encoder = Coder()
    assert [encoder.number(value, width) for value, width in ((5, 3), (0, 1), (200, 8), (0, 0))] == [5, 0, 200, 0]
    decoder = Coder(encoder.finish())
    assert [decoder.number(0, width) for width in (3, 1, 8, 0)] == [5, 0, 200, 0]
    decoder.check_end()


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=40), st.integers(0, 400))
def test_any_bytes_are_read_as_bits_or_refused_and_no_other_bytes_mean_the_same(data, count):
    P = np.full(count, 9000)
    try:
        bits = decode(data, P)
    except FormatError as error:
        assert str(error).startswith("arithmetic code: it has to end with the bytes")
        return
    assert encode(bits, P) == data


def test_a_code_that_is_cut_off_or_goes_on_is_refused():
    data = encode(np.arange(100) % 3 == 0, HALF)
    for wrong in data[:2], data + b"\0", data + b"\x80":
        with pytest.raises(FormatError, match="arithmetic code: it has to end with the bytes"):
            decode(wrong, np.full(100, HALF))
    coder = Coder(data[:3])
    for _ in range(25):
        coder.bit(0)
    assert not coder.past_the_end()
    coder.number(0, 8)
    assert coder.past_the_end()


@pytest.mark.parametrize("bits, P, message", [
    ([0, 2], HALF, r"encode: bits lie in 0\.\.2, expects 0 and 1"),
    ([0, 1], 0, r"encode: probabilities have shape \(2,\) and lie in 0\.\.0, expects \(N,\) in 1\.\.65535"),
    ([0, 1], [5, ONE], r"lie in 5\.\.65536"),
    ([[0], [1]], HALF, r"have shape \(2, 1\)"),
])
def test_what_is_no_bit_or_no_probability_is_refused(bits, P, message):
    with pytest.raises(ValueError, match=message):
        encode(bits, P)
