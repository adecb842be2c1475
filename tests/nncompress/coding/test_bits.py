"""bits: what is packed comes back, in the number of bytes that the widths add up to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.coding.bits import pack_bits, packed_size, unpack_bits
from nnlite.errors import FormatError


@st.composite
def fields(draw):
    width = draw(st.integers(1, 16))
    return draw(st.lists(st.integers(0, 2**width - 1), max_size=50)), width


@settings(deadline=None, max_examples=50)
@given(fields())
def test_packed_fields_are_the_binary_numbers_one_after_the_other(case):
    values, width = case
    text = "".join(f"{value:0{width}b}" for value in values)
    text += "0" * (-len(text) % 8)
    expected = bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
    assert pack_bits(np.array(values, int), width) == expected


@settings(deadline=None, max_examples=50)
@given(fields())
def test_unpacking_returns_what_was_packed(case):
    values, width = case
    data = pack_bits(values, width)
    assert len(data) == packed_size(len(values), width)
    assert unpack_bits(data, width, len(values)).tolist() == values


def test_packed_size_rounds_up_to_whole_bytes():
    assert [packed_size(count, 3) for count in (0, 1, 2, 3, 8, 9)] == [0, 1, 1, 2, 3, 4]


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=20), st.integers(1, 16), st.integers(0, 100))
def test_bytes_of_the_wrong_length_are_a_format_error(data, width, count):
    if len(data) == -(-count * width // 8):
        assert unpack_bits(data, width, count).shape == (count,)
    else:
        with pytest.raises(FormatError, match=f"{count} fields of {width} bits"):
            unpack_bits(data, width, count)


def test_pack_bits_names_values_that_do_not_fit():
    with pytest.raises(ValueError, match=r"pack_bits: values lie in 3\.\.8, expects 0\.\.7"):
        pack_bits([3, 8], 3)
    with pytest.raises(ValueError, match=r"values lie in -1\.\.8"):
        pack_bits([8, -1], 4)


def test_pack_bits_names_other_types_and_shapes():
    with pytest.raises(TypeError, match="values are float64, expects integers"):
        pack_bits([1.0], 3)
    with pytest.raises(ValueError, match=r"shape \(2, 3\), expects one dimension"):
        pack_bits(np.zeros((2, 3), int), 3)


@pytest.mark.parametrize("width", [0, 17])
def test_a_width_outside_1_to_16_is_named(width):
    with pytest.raises(ValueError, match=f"pack_bits: width is {width}, expects 1 to 16"):
        pack_bits([0], width)
    with pytest.raises(ValueError, match=f"unpack_bits: width is {width}, expects 1 to 16"):
        unpack_bits(b"", width, 0)
