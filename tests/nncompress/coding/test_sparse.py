"""sparse: Deep Compression's figure 2, and the relative form compared with a walk over the array."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.coding.sparse import best_index_bits, from_relative, relative_bits, to_relative
from nnlite.errors import FormatError

# mostly zeros, with runs on both sides of the spans 2, 4 and 8
sparse_arrays = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 40]), st.integers(-3, 3)), max_size=12
).map(lambda runs: np.array([x for zeros, value in runs for x in [0] * zeros + [value]], np.int8))


def walk(dense, index_bits):
    """The relative form by walking over the array, a zero counter in hand."""
    gaps, values, zeros = [], [], 0
    pending = []  # fillers of a run that may turn out to be the trailing one
    for x in dense.tolist():
        if x:
            gaps += [gap for gap, _ in pending] + [zeros]
            values += [0] * len(pending) + [x]
            pending, zeros = [], 0
        elif zeros == 2**index_bits - 1:
            pending.append((zeros, 0))
            zeros = 0
        else:
            zeros += 1
    return gaps, values


def test_figure_2_of_deep_compression():
    dense = np.zeros(16, np.float32)
    dense[[1, 4, 15]] = 3.4, 0.9, 1.7
    gaps, values = to_relative(dense, index_bits=3)
    np.testing.assert_array_equal(values, np.float32([3.4, 0.9, 0, 1.7]))  # the third is the filler
    np.testing.assert_array_equal(np.cumsum(gaps + 1) - 1, [1, 4, 12, 15])
    np.testing.assert_array_equal(np.diff([1, 4, 12, 15]), gaps[1:] + 1)  # the figure's differences 3, 8, 3
    np.testing.assert_array_equal(from_relative(gaps, values, 16), dense)


@settings(deadline=None, max_examples=50)
@given(sparse_arrays, st.integers(1, 5))
def test_the_relative_form_is_that_of_a_walk_over_the_array(dense, index_bits):
    gaps, values = to_relative(dense, index_bits)
    assert (gaps.tolist(), values.tolist()) == walk(dense, index_bits)
    assert (gaps.dtype, values.dtype) == (np.uint16, np.int8)


@settings(deadline=None, max_examples=50)
@given(sparse_arrays, st.integers(1, 16))
def test_from_relative_undoes_to_relative(dense, index_bits):
    gaps, values = to_relative(dense, index_bits)
    restored = from_relative(gaps, values, dense.size)
    np.testing.assert_array_equal(restored, dense)
    assert restored.dtype == dense.dtype


def test_a_run_of_span_minus_one_zeros_needs_no_filler_and_one_more_does():
    seven = to_relative(np.array([0] * 7 + [5]), index_bits=3)
    eight = to_relative(np.array([0] * 8 + [5]), index_bits=3)
    assert [part.tolist() for part in seven] == [[7], [5]]
    assert [part.tolist() for part in eight] == [[7, 0], [0, 5]]


def test_arrays_without_any_entry_store_nothing():
    for size in (0, 100):
        gaps, values = to_relative(np.zeros(size), 3)
        assert gaps.size == values.size == 0
        np.testing.assert_array_equal(from_relative(gaps, values, size), np.zeros(size))


@settings(deadline=None, max_examples=50)
@given(sparse_arrays, st.integers(1, 16), st.integers(1, 8))
def test_relative_bits_is_entries_and_fillers_times_the_bits_of_each(dense, index_bits, value_bits):
    gaps, _ = walk(dense, index_bits)
    assert relative_bits(dense, index_bits, value_bits) == len(gaps) * (index_bits + value_bits)


def test_best_index_bits_weighs_wide_indices_against_fillers():
    # runs of 9 zeros, 6-bit values, per non-zero: 3 bits need a filler, 2 * 9 = 18; 4 bits 10; 5 bits 11
    dense = np.arange(1, 1001) % 10 == 0
    assert [relative_bits(dense, bits, 6) for bits in (3, 4, 5)] == [1800, 1000, 1100]
    assert best_index_bits(dense, 6) == 4


def test_a_position_past_the_size_is_a_format_error():
    with pytest.raises(FormatError, match="entry 1 lies at position 8, beyond the size 8"):
        from_relative(np.uint8([2, 5]), np.ones(2), 8)
    with pytest.raises(FormatError, match="entry 1 lies at position 8, beyond the size 8"):
        from_relative(np.uint8([2, 5, 0]), np.ones(3), 8)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 65535) | st.integers(0, 4), max_size=20), st.integers(0, 60))
def test_arbitrary_gaps_give_an_array_or_a_format_error(gaps, size):
    if len(gaps) + sum(gaps) <= size:
        assert from_relative(np.uint16(gaps), np.ones(len(gaps)), size).sum() == len(gaps)
    else:
        with pytest.raises(FormatError, match=f"beyond the size {size}"):
            from_relative(np.uint16(gaps), np.ones(len(gaps)), size)


def test_gaps_and_values_of_different_lengths_are_a_format_error():
    with pytest.raises(FormatError, match=r"gaps have shape \(3,\), values \(2,\)"):
        from_relative(np.uint8([0, 0, 0]), np.ones(2), 8)


def test_gaps_that_could_be_negative_are_refused():
    with pytest.raises(TypeError, match="gaps are int64, expects uint8 or uint16"):
        from_relative(np.array([-3]), np.ones(1), 8)


def test_to_relative_names_the_shape_and_the_width():
    with pytest.raises(ValueError, match=r"dense has shape \(3, 4\), expects one dimension"):
        to_relative(np.zeros((3, 4)), 3)
    with pytest.raises(ValueError, match="index_bits is 0, expects 1 to 16"):
        to_relative(np.zeros(3), 0)
