import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlite.data import read_idx
from nnlite.errors import FormatError

ARRAY = np.random.default_rng(0).integers(0, 256, (3, 4, 5), np.uint8)
RAW = b"\0\0\x08\x03" + struct.pack(">III", 3, 4, 5) + ARRAY.tobytes()
HEADER = 16
GZ = gzip.compress(RAW, mtime=0)
FORMS = {"raw": RAW, "gz": GZ}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("idx") / "train-images"


def read(path, content, dimensions=3):
    path.write_bytes(content)
    return read_idx(path, dimensions)


def format_error(path, content, dimensions=3):
    with pytest.raises(FormatError) as raised:
        read(path, content, dimensions)
    assert str(raised.value).startswith(f"{path}: ")
    return str(raised.value)


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_raw_and_compressed_files_are_told_apart_by_content(path, content):
    array = read(path, content)
    np.testing.assert_array_equal(array, ARRAY)
    assert array.dtype == np.uint8


def test_labels_have_one_dimension(path):
    assert read(path, b"\0\0\x08\x01\0\0\0\x02\x07\x05", dimensions=1).tolist() == [7, 5]


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_a_truncated_file_is_a_format_error_wherever_it_ends(path, content):
    for end in range(len(content)):
        format_error(path, content[:end])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, HEADER - 1), st.integers(1, 255))
def test_a_changed_byte_in_the_header_is_a_format_error(path, place, change):
    damaged = bytearray(RAW)
    damaged[place] ^= change
    format_error(path, bytes(damaged))
    format_error(path, gzip.compress(bytes(damaged)))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, len(GZ) - 1), st.integers(1, 255))
def test_a_changed_byte_in_compressed_data_never_gives_wrong_data(path, place, change):
    damaged = bytearray(GZ)
    damaged[place] ^= change
    try:
        array = read(path, bytes(damaged))
    except FormatError:
        return
    np.testing.assert_array_equal(array, ARRAY)  # time stamp, operating system: they do not matter


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=80), st.sampled_from([b"", b"\x1f\x8b", b"\x1f\x8b\x08", b"\0\0\x08\x03"]))
def test_any_other_file_is_a_format_error(path, content, start):
    try:
        array = read(path, start + content)
    except FormatError:
        return
    assert start + content == b"\0\0\x08\x03" + struct.pack(">III", *array.shape) + array.tobytes()


@pytest.mark.parametrize("content", [RAW + b"\0", gzip.compress(RAW + b"\0"), GZ + b"no gzip"])
def test_what_follows_the_data_is_a_format_error(path, content):
    format_error(path, content)


@pytest.mark.parametrize(
    "content, dimensions, message",
    [
        (RAW, 1, "starts with '00 00 08 03', an IDX file of bytes in 1 dimensions with '00 00 08 01'"),
        (b"\0\0\x0d\x03" + RAW[4:], 3, "starts with '00 00 0d 03'"),
        (RAW[:10], 3, "ends inside the header, after 10 bytes of 16"),
        (RAW[:-1], 3, r"header promises 60 bytes for shape \(3, 4, 5\), there are only 59"),
        (RAW + b"!", 3, r"header promises 60 bytes for shape \(3, 4, 5\), there are more"),
        (b"\0\0\x08\x01\0\0\0\0", 1, r"header promises no data: shape \(0,\)"),
        (GZ[:-9], 3, "damaged or truncated gzip data"),
    ],
)
def test_the_message_says_what_is_wrong(path, content, dimensions, message):
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message):
        read_idx(path, dimensions)


def peak_memory(path, dimensions):
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            read_idx(path, dimensions)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_header_that_promises_too_much_costs_no_memory(path, compress):
    path.write_bytes(compress(b"\0\0\x08\x03" + b"\xff" * 12 + b"data"))
    assert peak_memory(path, 3) < 3 << 20  # of the 8·10^28 bytes that it promises


def test_no_more_is_unpacked_than_the_header_promises(path):
    bomb = gzip.compress(b"\0\0\x08\x01\0\0\0\x10" + bytes(64 << 20))  # promises 16 bytes, unpacks to 64 MB
    path.write_bytes(bomb)
    assert peak_memory(path, 1) < 3 << 20


def test_a_missing_file_is_not_a_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nothing", 3)
