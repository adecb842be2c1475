import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.nnz.records import LARGEST_VARINT, Reader, Writer
from nnlite.errors import FormatError

QUICK = settings(deadline=None, max_examples=50)


def written(write):
    """The bytes that `write(writer)` appends."""
    writer = Writer()
    write(writer)
    return bytes(writer.data)


@pytest.mark.parametrize("value, expected", [
    (0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02"), (16383, "ff7f"), (16384, "808001"),
    (LARGEST_VARINT, "ffffffffffffffff7f"),
])
def test_varints_byte_by_byte(value, expected):
    assert written(lambda w: w.varint(value)).hex() == expected
    assert Reader(bytes.fromhex(expected), "f").varint("a number") == value


@QUICK
@given(st.lists(st.integers(0, LARGEST_VARINT)))
def test_varints_come_back(values):
    writer = Writer()
    for value in values:
        writer.varint(value)
    reader = Reader(writer.data, "f")
    assert [reader.varint("a number") for _ in values] == values
    assert reader.at == len(writer.data)


@QUICK
@given(st.text(max_size=60))
def test_texts_come_back(text):
    reader = Reader(written(lambda w: w.varint(len(text.encode()))) + text.encode(), "f")
    assert reader.text() == text


@QUICK
@given(st.lists(st.floats(width=32, allow_nan=False)), st.lists(st.integers(-(2**31), 2**31 - 1)))
def test_arrays_come_back_little_endian_and_in_the_types_of_this_machine(floats, integers):
    reader = Reader(np.array(floats, "<f4").tobytes() + np.array(integers, "<i4").tobytes(), "f")
    for expected, dtype in (floats, "f4"), (integers, "i4"):
        array = reader.array(len(expected), dtype, "scales")
        assert array.dtype == np.dtype(dtype) and array.dtype.isnative and array.flags.writeable
        np.testing.assert_array_equal(array, np.array(expected, dtype))
    assert Reader(bytes.fromhex("0000803f"), "f").array(1, "f4", "scales") == 1


@QUICK
@given(st.lists(st.integers(0, 15)), st.lists(st.integers(0, 255)))
def test_streams_come_back_one_after_the_other(first, second):
    writer = Writer()
    writer.stream(first, 16)
    writer.stream(second, 256)
    reader = Reader(writer.data, "f")
    assert reader.stream(len(first), 16, "indices").tolist() == first
    assert reader.stream(len(second), 256, "values").tolist() == second
    assert reader.at == len(writer.data)


def test_every_bit_that_was_read_is_entered_under_its_part():
    writer = Writer()
    writer.varint(300)  # 2 bytes
    writer.data += b"\x02ab" + np.array([1.0, 2.0], "<f4").tobytes()  # 3 and 8
    writer.stream([5] * 24 + [6, 7], 256)  # header 5 bytes, table 6, 24·1 + 2·2 = 28 bits of codes, 4 of padding
    reader = Reader(writer.data, "f")
    reader.varint("a number")
    reader.text()
    reader.array(2, "f4", "scales")
    reader.stream(26, 256, "values")
    assert reader.spent == {"header": 8 * (2 + 3 + 5), "scales": 64, "codebooks": 48, "values": 28, "padding": 4}
    assert sum(reader.spent.values()) == 8 * len(writer.data)


# ---- damage


def fails(data, read, message):
    with pytest.raises(FormatError, match=message):
        read(Reader(data, "net.nnz"))


def test_what_is_cut_off_is_refused_with_the_place():
    fails(b"", lambda r: r.varint("a number"), r"net.nnz: at byte 0: 1 bytes of header are expected, 0 are left")
    fails(b"\x80\x80", lambda r: r.varint("a number"), r"net.nnz: at byte 2: 1 bytes of header are expected, 0 are left")
    fails(b"\x05abcd", lambda r: r.text(), r"net.nnz: at byte 1: 5 bytes of header are expected, 4 are left")
    fails(b"\0" * 7, lambda r: r.array(2, "f4", "scales"), r"net.nnz: at byte 0: 8 bytes of scales are expected, 7 are left")


def test_numbers_beyond_their_limit_are_refused():
    fails(b"\x0a", lambda r: r.varint("a zero point", 9), "net.nnz: at byte 1: a zero point is more than 9")
    fails(b"\x00", lambda r: r.varint("a step", -1), "a step is more than -1")
    fails(b"\xff" * 9 + b"\x01", lambda r: r.varint("a number"), f"net.nnz: at byte 10: a number is more than {2**63 - 1}")
    fails(b"\x80" * 50, lambda r: r.varint("a number"), "net.nnz: at byte 10: a number takes more than 63 bits")


def test_a_name_that_is_long_or_no_utf8_is_refused():
    fails(b"\x80\x02" + b"a" * 256, lambda r: r.text(), "the length of a name is more than 255")
    fails(b"\x02\xff\xfe", lambda r: r.text(), "net.nnz: at byte 3: a name is not UTF-8")


def test_a_damaged_stream_is_refused_at_its_start():
    good = b"\0" + written(lambda w: w.stream([1, 2, 3], 4))

    def read(reader):
        reader.take(1, "header")
        reader.stream(3, 4, "values")

    read(Reader(good, "net.nnz"))
    fails(good[:-1], read, "net.nnz: at byte 1: stream: its header says 6 bytes, here are 5")
    fails(good[:3], read, "net.nnz: at byte 1: stream: its header has 5 bytes, here are 2")
    fails(good[:1] + b"\x07" + good[2:], read, "net.nnz: at byte 1: stream: its tag is 7")


def test_a_length_that_a_file_only_claims_allocates_nothing():
    fails(b"\0" * 10, lambda r: r.array(2**60, "f4", "scales"), f"{2**62} bytes of scales are expected, 10 are left")
    fails(b"\0" * 10, lambda r: r.stream(2**60, 4, "values"), "at byte 0: ")
