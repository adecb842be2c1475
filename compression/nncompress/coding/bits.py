"""Fixed-width fields: packing small unsigned integers into bytes without gaps.

Source: the binary number system; the order of bits is that of `numpy.packbits`.
"""

import numpy as np

from nnlite.errors import FormatError


def packed_size(count, width):
    """Bytes that `count` fields of `width` bits take: ⌈count · width / 8⌉."""
    return (count * width + 7) // 8


def as_fields(caller, values, limit):
    """`values` as a uint16 array (N,), after a check that each is an integer in 0..limit−1, with a limit of at most 65536.

    Errors, which begin with `caller`: TypeError for other types, ValueError for other shapes and values out of range.
    """
    values = np.asarray(values)
    if values.ndim != 1:
        raise ValueError(f"{caller}: values have shape {values.shape}, expects one dimension")
    if values.size and values.dtype.kind not in "iu":
        raise TypeError(f"{caller}: values are {values.dtype}, expects integers")
    if values.size and not 0 <= values.min() <= values.max() < limit:
        raise ValueError(f"{caller}: values lie in {values.min()}..{values.max()}, expects 0..{limit - 1}")
    return values.astype(np.uint16)


def pack_bits(values, width):
    """Write each value as `width` bits, most significant bit first, one after the other; zero bits fill the last byte.

    values (N,) integers in 0..2^width − 1, width 1..16  ->  ⌈N · width / 8⌉ bytes.
    Errors: ValueError for a width or a value out of range, TypeError for values that are not integers.

    Three fields of three bits, 101 010 011, fill a byte and one bit more:

    >>> pack_bits([5, 2, 3], 3).hex()  # 1010 1001 | 1000 0000
    'a980'
    """
    _check_width("pack_bits", width)
    values = as_fields("pack_bits", values, 1 << width)
    bits = values[:, None] >> _shifts(width) & 1  # (N,) -> (N, width)
    return np.packbits(bits.astype(np.uint8)).tobytes()


def unpack_bits(data, width, count):
    """Read back what `pack_bits` wrote: v = Σ_i bit_i · 2^(width − 1 − i).

    data ⌈count · width / 8⌉ bytes  ->  uint16 (count,).
    Errors: FormatError if `data` has another number of bytes, ValueError for a width outside 1..16.

    >>> unpack_bits(bytes.fromhex("a980"), 3, 3)
    array([5, 2, 3], dtype=uint16)
    """
    _check_width("unpack_bits", width)
    if len(data) != packed_size(count, width):
        size = packed_size(count, width)
        raise FormatError(f"{count} fields of {width} bits take {size} bytes, here are {len(data)}")
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=count * width).reshape(count, width)
    return bits @ (np.uint16(1) << _shifts(width))


def _shifts(width):
    return np.arange(width - 1, -1, -1, dtype=np.uint16)


def _check_width(caller, width):
    if not 1 <= width <= 16:
        raise ValueError(f"{caller}: width is {width}, expects 1 to 16")
