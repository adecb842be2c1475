"""streams: round trips, the smaller of two forms, a budget that adds up, and nothing but FormatError for damage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.coding.streams import HUFFMAN, RAW, decode_stream, encode_stream, split_stream, stream_budget
from nnlite.errors import FormatError


@st.composite
def symbol_arrays(draw):
    alphabet = draw(st.sampled_from([1, 2, 3, 16, 17, 256, 65536]))
    frequent = st.integers(0, min(2, alphabet - 1))
    return draw(st.lists(st.integers(0, alphabet - 1) | frequent, max_size=200)), alphabet


def skewed(size, seed=0):
    """Symbols as quantized weights have them: most of them near the middle of 0..255."""
    return np.clip(np.random.default_rng(seed).normal(128, 3, size).round(), 0, 255).astype(int)


@settings(deadline=None, max_examples=50)
@given(symbol_arrays())
def test_decode_stream_returns_what_was_encoded(case):
    symbols, alphabet = case
    assert decode_stream(encode_stream(symbols, alphabet), len(symbols), alphabet).tolist() == symbols


@settings(deadline=None, max_examples=50)
@given(symbol_arrays())
def test_a_stream_is_never_longer_than_its_raw_form(case):
    symbols, alphabet = case
    width = {1: 1, 2: 1, 3: 2, 16: 4, 17: 5, 256: 8, 65536: 16}[alphabet]
    assert len(encode_stream(symbols, alphabet)) <= 5 + -(-len(symbols) * width // 8)


def test_evenly_spread_symbols_stay_raw_and_skewed_ones_are_huffman_coded():
    assert encode_stream(np.arange(1000) % 256, 256)[0] == RAW
    assert encode_stream(skewed(1000), 256)[0] == HUFFMAN


def test_a_raw_stream_byte_by_byte():
    assert encode_stream([1, 2, 3], 4).hex() == "00" + "01000000" + "6c"  # 01 10 11 00


def test_a_huffman_stream_byte_by_byte():
    # 24 times 5, once 6, once 7: lengths 1 2 2 in 2-bit fields (01 10 10), then 24 zeros, 10, 11
    expected = "01" + "0a000000" + "0500" + "0700" + "02" + "68" + "000000" + "b0"
    assert encode_stream([5] * 24 + [6, 7], 256).hex() == expected


@settings(deadline=None, max_examples=50)
@given(symbol_arrays())
def test_the_budget_adds_up_to_the_stream_and_padding_is_less_than_a_byte(case):
    symbols, alphabet = case
    data = encode_stream(symbols, alphabet)
    budget = stream_budget(data, len(symbols), alphabet)
    assert sum(budget) == 8 * len(data)
    assert budget.header == 40
    assert 0 <= budget.padding < 8


def test_the_budget_of_a_worked_example():
    # 24 · 1 + 2 + 2 bits of codes; a table of 5 bytes and three 2-bit lengths, 6 bytes in all
    assert stream_budget(encode_stream([5] * 24 + [6, 7], 256), 26, 256) == (40, 48, 28, 4)
    assert stream_budget(encode_stream([1, 2, 3], 4), 3, 4) == (40, 0, 6, 2)


def test_streams_one_after_the_other_are_split_at_their_ends():
    first, second = encode_stream([1, 2, 3], 4), encode_stream(skewed(500), 256)
    assert split_stream(first + second) == (first, second)
    assert split_stream(second) == (second, b"")


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=40), st.sampled_from([RAW, HUFFMAN, None]), st.integers(0, 300), st.sampled_from([1, 5, 256]))
def test_arbitrary_bytes_give_symbols_or_a_format_error(body, tag, count, alphabet):
    data = body if tag is None else bytes([tag]) + len(body).to_bytes(4, "little") + body
    try:
        symbols = decode_stream(data, count, alphabet)
    except FormatError:
        return
    assert symbols.shape == (count,)
    assert symbols.max(initial=0) < alphabet


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_changed_byte_gives_symbols_or_a_format_error(data):
    symbols = skewed(200)
    stream = bytearray(encode_stream(symbols, 256))
    stream[data.draw(st.integers(0, len(stream) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decoded = decode_stream(bytes(stream), symbols.size, 256)
    except FormatError:
        return
    assert decoded.shape == symbols.shape


@pytest.mark.parametrize("symbols", [[1, 2, 3], skewed(300)])
def test_every_truncation_is_a_format_error(symbols):
    data = encode_stream(symbols, 256)
    for end in range(len(data)):
        with pytest.raises(FormatError):
            decode_stream(data[:end], len(symbols), 256)


@pytest.mark.parametrize(
    ("data", "count", "message"),
    [
        ("0001", 1, "its header has 5 bytes, here are 2"),
        ("000500000001", 1, "its header says 10 bytes, here are 6"),
        ("0001000000010203", 1, "2 bytes follow its end"),
        ("070100000001", 1, r"its tag is 7, expects 0 \(raw\) or 1 \(Huffman\)"),
        ("00010000001f", 2, r"symbol 1 of 2 is 15, expects 0\.\.9"),
        ("000100000011", 4, "4 fields of 4 bits take 2 bytes, here are 1"),
        ("010100000011", 4, "code lengths: the table has 5 bytes or more"),
    ],
)
def test_damage_is_named(data, count, message):
    with pytest.raises(FormatError, match=message):
        decode_stream(bytes.fromhex(data), count, alphabet=10)


def test_encode_stream_names_symbols_and_alphabets_out_of_range():
    with pytest.raises(ValueError, match=r"encode_stream: values lie in 0\.\.16, expects 0\.\.15"):
        encode_stream([0, 16], 16)
    with pytest.raises(ValueError, match="the alphabet has 65537 symbols, expects 1 to 65536"):
        encode_stream([0], 65537)


def test_a_raw_symbol_that_just_falls_outside_the_alphabet_is_damage():
    data = bytes.fromhex("00" + "01000000" + "6c")  # fields 01 10 11 00
    assert decode_stream(data, 4, alphabet=4).tolist() == [1, 2, 3, 0]
    with pytest.raises(FormatError, match="symbol 2 of 4 is 3, expects 0..2"):
        decode_stream(data, 4, alphabet=3)


def test_no_symbols_of_an_alphabet_of_one_are_a_stream():
    assert decode_stream(encode_stream([], 1), 0, 1).tolist() == []
