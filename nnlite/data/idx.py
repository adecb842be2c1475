"""Reader of IDX files, the format of MNIST.

    byte 0, 1     0
    byte 2        type of the elements: 0x08 is unsigned byte, the one that images and labels use
    byte 3        D, the number of dimensions
    D × 4 bytes   the dimensions, big-endian
    then          the elements, the last dimension running fastest, and nothing after them

The file may be compressed with gzip; its first two bytes tell.
Source: http://yann.lecun.com/exdb/mnist/, "The IDX file format".
"""

import gzip
import math
import struct
import zlib

import numpy as np

from nnlite.errors import FormatError

UNSIGNED_BYTE = 0x08
GZIP_MAGIC = b"\x1f\x8b"
CHUNK = 1 << 20


def read_idx(path, dimensions):
    """The uint8 array in the IDX file at `path`; `dimensions` is how many it must have: 3 for images, 1 for labels.

    Errors: FormatError when the file is damaged, truncated or of another kind. A header that promises much costs no
    memory before the data is there, and no more is unpacked than the header promises.
    """
    with open(path, "rb") as file:
        compressed = file.read(2) == GZIP_MAGIC
        file.seek(0)
        try:
            if not compressed:
                return _read(file, dimensions)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _read(unpacked, dimensions)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FormatError(f"{path}: damaged or truncated gzip data: {error}") from error
        except FormatError as error:
            raise FormatError(f"{path}: {error}") from None


def _read(stream, dimensions):
    magic = _read_at_most(stream, 4)
    if magic != bytes([0, 0, UNSIGNED_BYTE, dimensions]):
        raise FormatError(
            f"starts with '{magic.hex(' ')}', an IDX file of bytes in {dimensions} dimensions with '00 00 08 {dimensions:02x}'"
        )
    header = _read_at_most(stream, 4 * dimensions)
    if len(header) < 4 * dimensions:
        raise FormatError(f"ends inside the header, after {4 + len(header)} bytes of {4 + 4 * dimensions}")
    shape = struct.unpack(f">{dimensions}I", header)
    size = math.prod(shape)
    if size == 0:
        raise FormatError(f"header promises no data: shape {shape}")
    data = _read_at_most(stream, size + 1)
    if len(data) != size:
        found = "more" if len(data) > size else f"only {len(data)}"
        raise FormatError(f"header promises {size} bytes for shape {shape}, there are {found}")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _read_at_most(stream, size):
    """Up to `size` bytes in pieces, because `stream.read(size)` would reserve all of `size` before it looks."""
    data = bytearray()
    while len(data) < size:
        piece = stream.read(min(CHUNK, size - len(data)))
        if not piece:
            break
        data += piece
    return data
