"""What the tests ask of your code. The library compiles two of the functions with Numba; here they run as plain Python."""

import numpy as np

from nnlite.kernels.machine import cache

cache.njit = lambda **options: lambda function: function

from nncompress.coding import huffman, sparse  # noqa: E402
from nncompress.coding.huffman import (  # noqa: E402, F401  the tests call them
    code_lengths,
    codes,
    decode,
    decode_reference,
    encode,
    entropy_bits,
)
from nncompress.coding.sparse import best_index_bits, from_relative, relative_bits, to_relative  # noqa: E402, F401
from nnlite.errors import FormatError  # noqa: E402


def leaf_depths(weights):
    """As an array."""
    return np.array(huffman.leaf_depths([int(weight) for weight in weights]))


def is_format_error(function, *args):
    """Whether a call raises a FormatError; other errors are raised here too."""
    functions = {"decode": decode, "decode_reference": decode_reference, "codes": codes, "from_relative": from_relative}
    try:
        functions[function](*args)
    except FormatError:
        return True
    return False


def through_a_file(w, index_bits):
    """Integers from −7 to 7 as coded gaps and values, and back -> (bytes in all, the integers)."""
    gaps, values = sparse.to_relative(w.reshape(-1), index_bits)
    parts, size = [], 0
    for symbols, alphabet in ((gaps.astype(int), 1 << index_bits), (values.astype(int) + 7, 15)):
        lengths = code_lengths(np.bincount(symbols, minlength=alphabet))
        data = encode(symbols, lengths)
        size += len(data)
        parts.append(decode(data, lengths, len(symbols)))
    return size, from_relative(parts[0], parts[1].astype(np.int8) - np.int8(7), w.size).reshape(w.shape)


def encode_as_array(symbols, lengths):
    return np.frombuffer(encode(symbols, lengths), np.uint8)


def decode_from_array(data, lengths, count):
    return decode(data.tobytes(), lengths, count)


def decode_reference_from_array(data, lengths, count):
    return decode_reference(data.tobytes(), lengths, count)


def damaged(function, data, lengths, count):
    """Whether reading raises a FormatError."""
    return is_format_error(function, data.tobytes(), lengths, count)
