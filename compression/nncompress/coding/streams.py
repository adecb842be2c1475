"""A stream: one array of symbols as bytes that say themselves how they are coded and where they end.

    byte 0      tag: 0 raw, 1 Huffman
    bytes 1–4   length of what follows, little-endian
    raw         the symbols as fields of ⌈log2 alphabet⌉ bits
    Huffman     the table of code lengths, then the codes

The number of symbols and the size of the alphabet are not in it: whoever stores the stream knows them.
"""

import struct
from typing import NamedTuple

import numpy as np

from nncompress.coding import huffman
from nncompress.coding.bits import as_fields, pack_bits, packed_size, unpack_bits
from nnlite.errors import FormatError

RAW, HUFFMAN = 0, 1

_HEADER = struct.Struct("<BI")  # tag, length


class StreamBudget(NamedTuple):
    """What the bits of a stream are spent on; the four add up to 8 · len(data)."""

    header: int
    table: int
    payload: int
    padding: int


def split_stream(data):
    """Split `data` into the stream at its start and the bytes that follow -> (stream, rest).

    Errors: FormatError when `data` is shorter than the stream says it is.
    """
    if len(data) < _HEADER.size:
        raise FormatError(f"stream: its header has {_HEADER.size} bytes, here are {len(data)}")
    end = _HEADER.size + _HEADER.unpack_from(data)[1]
    if len(data) < end:
        raise FormatError(f"stream: its header says {end} bytes, here are {len(data)}")
    return data[:end], data[end:]


def encode_stream(symbols, alphabet):
    """The stream of these symbols: Huffman if that is smaller, else raw.

    symbols (N,) integers in 0..alphabet−1, alphabet 1..65536  ->  bytes.
    Errors: ValueError for a symbol or an alphabet out of range, TypeError for symbols that are not integers.

    >>> len(encode_stream([0] * 90 + [1] * 10, alphabet=256))  # header 5, table 6, 100 codes of one bit 13
    24
    """
    width = _raw_width(alphabet)
    symbols = as_fields("encode_stream", symbols, alphabet)
    if symbols.size:
        counts = np.bincount(symbols.astype(np.intp), minlength=alphabet)
        lengths = huffman.code_lengths(counts)
        table = huffman.pack_lengths(lengths)
        payload_bits = int(counts @ lengths)
        if len(table) + packed_size(payload_bits, 1) < packed_size(symbols.size, width):
            return _with_header(HUFFMAN, table + huffman.encode(symbols, lengths))
    return _with_header(RAW, pack_bits(symbols, width))


def decode_stream(data, count, alphabet):
    """The symbols of a stream that `encode_stream` made: uint16 (count,), all below `alphabet`.

    data: the stream alone, without bytes after it (see `split_stream`).
    Errors: FormatError for damage that can be seen, and no other error. Damage that turns one valid stream into another cannot
    be seen; the CRC of the file finds it.
    """
    tag, body = _open(data)
    if tag == HUFFMAN:
        lengths, end = huffman.unpack_lengths(body, alphabet)
        return huffman.decode(body[end:], lengths, count)
    symbols = unpack_bits(body, _raw_width(alphabet), count)
    if symbols.max(initial=0) >= alphabet:
        i = int(np.argmax(symbols >= alphabet))
        raise FormatError(f"stream: symbol {i} of {count} is {symbols[i]}, expects 0..{alphabet - 1}")
    return symbols


def stream_budget(data, count, alphabet):
    """What the bits of a stream are spent on -> StreamBudget, in bits: the payload may end inside a byte, which padding fills.

    Errors: those of `decode_stream`, which is run to find where the last code ends.

    >>> stream_budget(encode_stream([0] * 90 + [1] * 10, alphabet=256), 100, 256)
    StreamBudget(header=40, table=48, payload=100, padding=4)
    """
    symbols = decode_stream(data, count, alphabet)
    tag, body = _open(data)
    if tag == HUFFMAN:
        lengths, end = huffman.unpack_lengths(body, alphabet)
        table, payload = 8 * end, int(lengths[symbols].sum(dtype=np.int64))
    else:
        table, payload = 0, count * _raw_width(alphabet)
    header = 8 * _HEADER.size
    return StreamBudget(header, table, payload, padding=8 * len(data) - header - table - payload)


def _with_header(tag, body):
    return _HEADER.pack(tag, len(body)) + body


def _open(data):
    """The tag and the body of a stream."""
    stream, rest = split_stream(data)
    if rest:
        raise FormatError(f"stream: {len(rest)} bytes follow its end")
    tag, _ = _HEADER.unpack_from(stream)
    if tag not in (RAW, HUFFMAN):
        raise FormatError(f"stream: its tag is {tag}, expects {RAW} (raw) or {HUFFMAN} (Huffman)")
    return tag, stream[_HEADER.size :]


def _raw_width(alphabet):
    """Bits of a raw symbol: ⌈log2 alphabet⌉, and 1 for an alphabet of one."""
    if not 1 <= alphabet <= 65536:
        raise ValueError(f"stream: the alphabet has {alphabet} symbols, expects 1 to 65536")
    return max(1, (alphabet - 1).bit_length())
