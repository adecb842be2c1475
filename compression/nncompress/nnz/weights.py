"""One array of integer weights as entropy-coded bytes, dense or sparse, whichever is smaller.

    dense    every weight is a symbol, w + 2^(bits−1)
    sparse   Deep Compression's form: gaps of `index_bits` bits between the non-zero weights, and these weights

Each of the streams is Huffman-coded where that pays. (Han, Mao, Dally 2016, arXiv 1510.00149, §2 and §4.)
"""

import numpy as np

from nncompress.coding.bits import packed_size
from nncompress.coding.sparse import from_relative, relative_bits, to_relative
from nncompress.nnz.records import Writer
from nnlite.errors import FormatError

DENSE, WIDEST_INDEX = 0, 8  # the form's tag: 0, or the number of bits of an index


def write_weights(writer, w, bits):
    """Append the weights w (any shape, |w| < 2^(bits−1)) in the shortest form. The caller writes their shape."""
    flat = w.reshape(-1).astype(np.int64)
    writer.data += min((_encode(flat, bits, index_bits) for index_bits in _worth_trying(flat, bits)), key=len)


def _worth_trying(flat, bits):
    """Dense, and the sparse forms that are smaller than dense before Huffman coding."""
    dense_bytes = packed_size(flat.size, bits)
    forms = [DENSE]
    for index_bits in range(1, WIDEST_INDEX + 1):
        if relative_bits(flat, index_bits, bits) < 8 * dense_bytes:
            forms.append(index_bits)
    return forms


def _encode(flat, bits, index_bits):
    writer, offset = Writer(), 2 ** (bits - 1)
    writer.varint(index_bits)
    if index_bits == DENSE:
        writer.stream(flat + offset, 2**bits)
    else:
        gaps, values = to_relative(flat, index_bits)
        writer.varint(len(gaps))
        writer.stream(gaps, 2**index_bits)
        writer.stream(values + offset, 2**bits)
    return bytes(writer.data)


def read_weights(reader, shape, bits):
    """The weights (int8, of `shape`) that `write_weights` wrote, and their form in words.   Errors: FormatError."""
    size, offset = int(np.prod(shape)), 2 ** (bits - 1)
    index_bits = reader.varint("the form of the weights", WIDEST_INDEX)
    if index_bits == DENSE:
        flat, form = _signed(reader.stream(size, 2**bits, "values"), offset), "dense"
    else:
        stored, form = reader.varint("the number of stored weights", size), f"sparse, {index_bits}-bit gaps"
        gaps = reader.stream(stored, 2**index_bits, "indices")
        values = _signed(reader.stream(stored, 2**bits, "values"), offset)
        try:
            flat = from_relative(gaps, values, size)
        except FormatError as error:
            reader.fail(str(error))
    if (flat == -offset).any():
        reader.fail(f"a weight is {-offset}; weights of {bits} bits end at {1 - offset}")
    return flat.reshape(shape), form


def _signed(symbols, offset):
    return (symbols.astype(np.int16) - offset).astype(np.int8)
