"""fields: what is written is read by the same calls, in the bits that the docstrings say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.nnz.fields import LARGEST_NUMBER, Fields
from nnlite.errors import FormatError


def there_and_back(call, value, unknown):
    """(what a reader gets of `call(fields, value)`, how many bits it took)."""
    writer = Fields("net.nnz")
    call(writer, value)
    reader = Fields("net.nnz", writer.coder.finish())
    result = call(reader, unknown)
    reader.check_end()
    return result, round(sum(writer.spent.values()), 6)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, LARGEST_NUMBER) | st.integers(0, 20))
def test_whole_numbers_come_back_in_eliass_gamma_code(n):
    assert there_and_back(lambda f, n: f.number(n, "n"), n, 0) == (n, 2 * ((n + 1).bit_length() - 1) + 1)


@settings(deadline=None, max_examples=100)
@given(st.floats(2.0**-149, 2.0**127, width=32))
def test_scales_come_back_bit_for_bit(S):
    S = np.float32(S)
    again, bits = there_and_back(lambda f, S: f.scale(S, "a scale"), S, 1)
    assert again == S and again.dtype == np.float32 and bits <= 36


@pytest.mark.parametrize("S, bits", [
    (1, 10), (2.0**-15, 10), (5 / 64, 11), (1.5, 10), (1 + 2.0**-10, 19), (2, 14), (2.0**-16, 14),
    (np.float32(1 / 255), 32), (np.float32(0.1), 32),
])
def test_a_scale_takes_as_many_bits_as_its_mantissa_needs(S, bits):
    assert there_and_back(lambda f, S: f.scale(S, "a scale"), np.float32(S), 1) == (S, bits)


def test_flags_choices_pairs_texts_and_data_come_back():
    assert there_and_back(lambda f, v: f.flag(v), True, None) == (True, 1)
    assert there_and_back(lambda f, v: f.choice(v, ["a", "b", "c"], 2), "c", None) == ("c", 2)
    pair = lambda f, v: f.pair(v, (1, 1), "stride", 9)  # noqa: E731
    assert there_and_back(pair, (1, 1), (0, 0)) == ((1, 1), 1)
    assert there_and_back(pair, (2, 0), (0, 0)) == ((2, 0), 1 + 3 + 1)
    assert there_and_back(lambda f, v: f.text(v, "a name"), "aé", "") == ("aé", 5 + 24)
    assert there_and_back(lambda f, v: f.data(v, "a size", 99), b"\0\xff", b"") == (b"\0\xff", 3 + 16)


def test_bits_are_entered_under_their_part():
    fields = Fields("net.nnz")
    fields.flag(True)
    fields.spend_on("scales")
    fields.scale(1, "a scale")
    assert {part: bits for part, bits in fields.spent.items() if bits} == {"header": 1, "scales": 10}


@pytest.mark.parametrize("call, message", [
    (lambda f: f.number(10, "a size", 9), "net.nnz: near byte 0: a size is more than 9"),
    (lambda f: f.number(2**32, "a size", 2**40), "a size is more than"),
    (lambda f: f.scale(0, "a scale"), "a scale is 0; it has to be finite and above 0"),
    (lambda f: f.scale(np.float32(np.inf), "a scale"), "a scale is inf; it has to be finite and above 0"),
    (lambda f: f.text("n" * 256, "a name"), "the length of a name is more than 255"),
    (lambda f: f.text("caf\udce9", "a name"), "net.nnz: near byte 0: a name is not UTF-8"),
])
def test_what_could_not_be_read_is_not_written(call, message):
    with pytest.raises(FormatError, match=message):
        call(Fields("net.nnz"))


def written(*numbers):
    """Bits as they are: (value, width) …"""
    fields = Fields("net.nnz")
    for value, width in numbers:
        fields.coder.number(value, width)
    return Fields("net.nnz", fields.coder.finish())


@pytest.mark.parametrize("fields, call, message", [
    (written((3, 2)), lambda f: f.choice(None, ["a", "b", "c"], 2), "choice 3 of 3"),
    (written((1, 1), (0, 4), (24, 5), (0, 23)), lambda f: f.scale(1, "S"), "S has a mantissa of 24 bits"),
    (written((0, 1), (255, 8), (0, 5)), lambda f: f.scale(1, "S"), "S is inf; it has to be finite and above 0"),
    (written((0, 1), (0, 8), (0, 5)), lambda f: f.scale(1, "S"), "S is 0.0; it has to be finite and above 0"),
    (written((1, 1), (0, 1), (0, 1), (255, 8)), lambda f: f.text("", "a name"), "a name is not UTF-8"),
    (written((2**31 - 1, 31), (0, 9)), lambda f: f.number(0, "n"), f"n is more than {LARGEST_NUMBER}"),
    (Fields("net.nnz", b""), lambda f: f.data(b"", "a size", 9), "."),
])
def test_damage_is_named(fields, call, message):
    with pytest.raises(FormatError, match="net.nnz: near byte [0-9]+: " + message):
        call(fields)
