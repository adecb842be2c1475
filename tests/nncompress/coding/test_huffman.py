"""huffman: the code is complete and optimal, the bits are those of the codes, and no damage is fatal."""

import heapq
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.coding import huffman
from nnlite.errors import FormatError

counts_lists = st.lists(st.integers(0, 1000), min_size=1, max_size=40).filter(any)


def total_bits(counts, lengths):
    return sum(count * int(length) for count, length in zip(counts, lengths, strict=True))


def kraft(lengths):
    return sum(0.5**length for length in lengths if length)


def tree_cost(counts):
    """Σ counts · depth in Huffman's tree, built as nested pairs and then walked."""
    heap = [(count, i, i) for i, count in enumerate(counts) if count]
    heapq.heapify(heap)
    order = itertools.count(len(counts))
    while len(heap) > 1:
        (count_a, _, a), (count_b, _, b) = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (count_a + count_b, next(order), (a, b)))

    def cost(tree, depth):
        return sum(cost(child, depth + 1) for child in tree) if isinstance(tree, tuple) else counts[tree] * depth

    return cost(heap[0][2], 0)


@st.composite
def messages(draw):
    """Symbols of a small alphabet, and lengths of a code for them (not always the best one)."""
    alphabet = draw(st.integers(1, 20))
    symbols = draw(st.lists(st.integers(0, alphabet - 1), max_size=60))
    counts = np.bincount(symbols, minlength=alphabet) if symbols else np.zeros(alphabet, int)
    extra = draw(st.lists(st.integers(0, 50), min_size=alphabet, max_size=alphabet))
    counts = counts + extra
    counts[0] += not counts.any()
    return symbols, huffman.code_lengths(counts)


# Lengths -------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=5))
def test_no_complete_set_of_lengths_is_shorter_than_huffmans(counts):
    possible = itertools.product(range(1, len(counts)), repeat=len(counts))
    best = min(total_bits(counts, lengths) for lengths in possible if kraft(lengths) == 1)
    assert total_bits(counts, huffman.code_lengths(counts)) == best


@settings(deadline=None, max_examples=50)
@given(counts_lists.filter(lambda counts: np.count_nonzero(counts) > 1))
def test_the_lengths_cost_what_huffmans_tree_costs(counts):
    assert total_bits(counts, huffman.code_lengths(counts)) == tree_cost(counts)


@settings(deadline=None, max_examples=50)
@given(counts_lists)
def test_lengths_are_zero_for_unused_symbols_and_satisfy_kraft_with_equality(counts):
    lengths = huffman.code_lengths(counts)
    assert lengths.dtype == np.uint8
    assert ((lengths > 0) == (np.array(counts) > 0)).all()
    assert kraft(lengths.tolist()) == (1 if np.count_nonzero(counts) > 1 else 0.5)


@settings(deadline=None, max_examples=50)
@given(counts_lists)
def test_entropy_is_the_sum_of_p_log_p(counts):
    p = [count / sum(counts) for count in counts if count]
    assert huffman.entropy_bits(counts) == pytest.approx(-sum(p * math.log2(p) for p in p), rel=1e-12, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(counts_lists.filter(lambda counts: np.count_nonzero(counts) > 1))
def test_mean_length_lies_between_the_entropy_and_one_bit_more(counts):
    entropy = huffman.entropy_bits(counts)
    mean = total_bits(counts, huffman.code_lengths(counts)) / sum(counts)
    assert entropy - 1e-12 <= mean < entropy + 1


def test_powers_of_two_reach_the_entropy():
    counts = [8, 4, 2, 1, 1]
    assert huffman.code_lengths(counts).tolist() == [1, 2, 3, 4, 4]
    assert huffman.entropy_bits(counts) == (8 * 1 + 4 * 2 + 2 * 3 + 2 * 4) / 16


def test_a_single_symbol_gets_one_bit():
    assert huffman.code_lengths([0, 7, 0]).tolist() == [0, 1, 0]
    assert huffman.entropy_bits([0, 7, 0]) == 0


def test_no_length_exceeds_the_limit():
    fibonacci = [1, 1]
    while len(fibonacci) < 40:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    within, beyond = huffman.code_lengths(fibonacci[:25]), huffman.code_lengths(fibonacci)
    assert within.max() == huffman.MAX_LENGTH
    assert beyond.max() <= huffman.MAX_LENGTH
    assert kraft(beyond.tolist()) == 1
    mean = total_bits(fibonacci, beyond) / sum(fibonacci)
    assert mean < huffman.entropy_bits(fibonacci) + 1


@pytest.mark.parametrize("counts", [[], [0, 0], [3, -1]])
def test_counts_without_a_code_are_refused(counts):
    with pytest.raises(ValueError, match="counts lie in .*, expects none below 0"):
        huffman.code_lengths(counts)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1, 1, 2], "over-subscribed, Kraft's sum is 1.25"),
        ([2, 2, 2], "incomplete, Kraft's sum is 0.75"),
        ([0, 2, 0], "incomplete, Kraft's sum is 0.25"),
        ([0, 0], "incomplete, Kraft's sum is 0.0"),
        ([1, *range(2, 25), 25, 25], r"lie in 1\.\.25, expects 1\.\.24"),
        ([1, 1, -1], r"lie in -1\.\.1"),
    ],
)
def test_lengths_of_no_complete_code_are_a_format_error(lengths, message):
    for use in (huffman.codes, huffman.pack_lengths):
        with pytest.raises(FormatError, match=message):
            use(lengths)
    for decode in (huffman.decode, huffman.decode_reference):
        with pytest.raises(FormatError, match=message):
            decode(b"\x00", lengths, 1)


# Codes and bits ------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(messages())
def test_codes_are_prefix_free_and_ordered_by_length_then_symbol(message):
    _, lengths = message
    codes = [f"{code:0{length}b}" for code, length in zip(huffman.codes(lengths), lengths, strict=True) if length]
    assert not any(b.startswith(a) for a, b in itertools.permutations(codes, 2))
    assert sorted(codes, key=len) == sorted(codes)  # sorted() keeps the symbols' order within one length


def test_codes_of_24_bits_survive_the_round_trip():
    lengths = [*range(1, 25), 24]
    symbols = [24, 0, 23, 12, 24]
    data = huffman.encode(symbols, lengths)
    assert huffman.codes(lengths)[-1] == 2**24 - 1
    assert huffman.decode(data, lengths, 5).tolist() == symbols


@settings(deadline=None, max_examples=50)
@given(messages())
def test_encode_joins_the_codes(message):
    symbols, lengths = message
    codes = huffman.codes(lengths)
    text = "".join(f"{codes[s]:0{lengths[s]}b}" for s in symbols)
    text += "0" * (-len(text) % 8)
    assert huffman.encode(symbols, lengths) == bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))


@settings(deadline=None, max_examples=50)
@given(messages())
def test_decode_and_its_reference_return_what_was_encoded(message):
    symbols, lengths = message
    data = huffman.encode(symbols, lengths)
    assert huffman.decode(data, lengths, len(symbols)).tolist() == symbols
    assert huffman.decode_reference(data, lengths, len(symbols)).tolist() == symbols


def test_a_large_alphabet_survives_the_round_trip():
    symbols = np.random.default_rng(0).geometric(0.001, 20_000).astype(np.intp)
    lengths = huffman.code_lengths(np.bincount(symbols, minlength=65536))
    data = huffman.encode(symbols, lengths)
    np.testing.assert_array_equal(huffman.decode(data, lengths, symbols.size), symbols)


def outcome(decode, *arguments):
    try:
        return decode(*arguments).tolist()
    except FormatError as error:
        return str(error)


@settings(deadline=None, max_examples=200)
@given(messages(), st.binary(max_size=30), st.integers(0, 300))
def test_arbitrary_bytes_give_symbols_or_a_format_error_the_same_in_both_twins(message, data, count):
    _, lengths = message
    assert outcome(huffman.decode, data, lengths, count) == outcome(huffman.decode_reference, data, lengths, count)


def test_decode_says_where_the_stream_ends():
    data = huffman.encode([0, 2, 2, 2, 1], [1, 2, 2])  # 0 11 11 11 1|0
    for decode in (huffman.decode, huffman.decode_reference):
        with pytest.raises(FormatError, match="symbol 4 of 5: the stream ends"):
            decode(data[:1], [1, 2, 2], 5)


def test_decode_says_where_a_code_stands_for_no_symbol():
    for decode in (huffman.decode, huffman.decode_reference):
        with pytest.raises(FormatError, match="symbol 2 of 8: the code at bit 2 stands for no symbol"):
            decode(b"\x20", [0, 1], 8)


def test_decode_refuses_bytes_after_the_last_symbol():
    for decode in (huffman.decode, huffman.decode_reference):
        with pytest.raises(FormatError, match="goes on for 2 bytes after its last symbol"):
            decode(b"\x00\x00\x00", [1, 1], 8)


def test_a_huge_count_is_refused_before_anything_is_allocated():
    with pytest.raises(FormatError, match="1099511627776 symbols take 1099511627776 bits or more, the stream has 8"):
        huffman.decode(b"\x00", [1, 1], 2**40)


def test_encode_names_a_symbol_without_a_code():
    with pytest.raises(ValueError, match="symbol 1 has no code"):
        huffman.encode([0, 2, 1], [1, 0, 1])
    with pytest.raises(ValueError, match=r"encode: values lie in 0\.\.3, expects 0\.\.2"):
        huffman.encode([0, 3], [1, 0, 1])


# The table of lengths ------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(counts_lists, st.binary(max_size=5))
def test_unpack_lengths_returns_what_was_packed_and_where_it_ends(counts, rest):
    lengths = huffman.code_lengths(counts)
    table = huffman.pack_lengths(lengths)
    restored, end = huffman.unpack_lengths(table + rest, len(counts))
    assert (restored.tolist(), end) == (lengths.tolist(), len(table))


def test_the_table_of_lengths_byte_by_byte():
    # first symbol 3, last symbol 6, 2 bits each: 01 11 10 11
    assert huffman.pack_lengths([0, 0, 0, 1, 3, 2, 3, 0]).hex() == "0300" + "0600" + "02" + "7b"


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=12) | st.tuples(st.sampled_from(["00000300", "01000200"]), st.binary(max_size=4)), st.data())
def test_arbitrary_tables_give_a_complete_code_or_a_format_error(table, data):
    table = table if isinstance(table, bytes) else bytes.fromhex(table[0]) + table[1]
    n = data.draw(st.integers(1, 300))
    try:
        lengths, end = huffman.unpack_lengths(table, n)
    except FormatError:
        return
    assert end <= len(table)
    assert lengths.shape == (n,)
    assert kraft(lengths.tolist()) == 1 or lengths.sum() == 1


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("0300", "the table has 5 bytes or more, here are 2"),
        ("05000400020000", r"covers symbols 5 to 4, expects a range in 0\.\.7"),
        ("03000800027b00", r"covers symbols 3 to 8, expects a range in 0\.\.7"),
        ("030006000600", "6 bits per length, expects 1 to 5"),
        ("030006000300", "4 fields of 3 bits take 2 bytes, here are 1"),
        ("03000600027f", "over-subscribed|incomplete"),
    ],
)
def test_damaged_tables_are_a_format_error_that_says_what(table, message):
    with pytest.raises(FormatError, match=message):
        huffman.unpack_lengths(bytes.fromhex(table), 8)
