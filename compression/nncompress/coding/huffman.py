"""Canonical Huffman codes: frequent symbols get short bit strings, and the lengths alone say which.

Symbols are 0..n−1 with n ≤ 65536. The steps are counts -> lengths -> codes -> bits; only the lengths are stored.
Sources: Huffman 1952; canonical codes as in RFC 1951, §3.2.2; decoding as in ITU-T T.81 (JPEG), annex F.2.2.3.
"""

import struct
from heapq import heapify, heappop, heappush

import numpy as np

from nncompress.coding.bits import as_fields, pack_bits, packed_size, unpack_bits
from nnlite.errors import FormatError
from nnlite.kernels.machine.cache import njit

MAX_LENGTH = 24

_TABLE_HEADER = struct.Struct("<HHB")  # first used symbol, last used symbol, bits per length


def entropy_bits(counts):
    """Shannon's entropy in bits per symbol.

        H = −Σ_s p_s log2 p_s,   p_s = counts_s / Σ counts

    No code that gives each symbol a bit string of its own has a mean length L below H; Huffman's is within a bit of it:

        H ≤ L < H + 1,   L = Σ_s p_s · lengths_s

    as long as at least two symbols occur (a lone one has H = 0, L = 1) and no length reaches the limit MAX_LENGTH.
    Source: Shannon 1948; Cover & Thomas, Elements of Information Theory, theorems 5.3.1 and 5.4.1.

    >>> entropy_bits([2, 1, 1])
    1.5
    """
    counts = np.asarray(counts)
    used = counts[counts > 0]
    p = used / used.sum()
    return float(p @ np.log2(1 / p))


def check_lengths(lengths):
    """Check that `lengths` belong to a complete prefix code, and return them as an int64 array.

        Kraft's sum:   Σ_{s: lengths_s > 0} 2^(−lengths_s) = 1

    Above 1 two codes would collide; below 1 some bit strings would stand for nothing. The one exception is the code of
    a single symbol, which is one bit long.
    Errors: FormatError for another sum, or a length above MAX_LENGTH.
    Source: Kraft 1949; Cover & Thomas, theorem 5.2.1.
    """
    lengths = np.asarray(lengths, np.int64)
    used = lengths[lengths != 0]
    if used.size and not 0 < used.min() <= used.max() <= MAX_LENGTH:
        raise FormatError(f"code lengths: they lie in {used.min()}..{used.max()}, expects 1..{MAX_LENGTH}")
    kraft = int((1 << (MAX_LENGTH - used)).sum()) / (1 << MAX_LENGTH)
    single = used.size == 1 and used[0] == 1
    if kraft != 1 and not single:
        fault = "over-subscribed" if kraft > 1 else "incomplete"
        raise FormatError(f"code lengths: the code is {fault}, Kraft's sum is {kraft}, expects 1")
    return lengths


def codes(lengths):
    """The canonical codes. In the order of (length, symbol), each code is the previous one plus 1, shifted to its own length.

        code_k = (code_(k−1) + 1) · 2^(length_k − length_(k−1))        code_0 = 0

    lengths (n,)  ->  uint32 (n,), each code in its lowest `length` bits; 0 where the length is 0.
    Errors: FormatError for lengths of no complete code.

    The example of RFC 1951, §3.2.2, symbols A to H:

    >>> lengths = [3, 3, 3, 3, 3, 2, 4, 4]
    >>> [f"{code:0{length}b}" for code, length in zip(codes(lengths), lengths)]
    ['010', '011', '100', '101', '110', '00', '1110', '1111']
    """
    lengths = check_lengths(lengths).tolist()
    result = np.zeros(len(lengths), np.uint32)
    code, previous = 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths) if length):
        code <<= length - previous
        result[symbol] = code
        code, previous = code + 1, length
    return result


def pack_lengths(lengths):
    """The code lengths as a small table: first and last used symbol, the bits per length, then the lengths between.

    Quantized weights use few symbols, side by side around the zero, so the table is short:
    5 + ⌈(last − first + 1) · width / 8⌉ bytes, width ≤ 5.
    Errors: FormatError for lengths of no complete code.

    >>> len(pack_lengths([0] * 126 + [3, 2, 1, 3] + [0] * 126))  # 4 used symbols of 256, 2 bits each
    6
    """
    lengths = check_lengths(lengths)
    used = np.flatnonzero(lengths)
    first, last = int(used[0]), int(used[-1])
    width = int(lengths.max()).bit_length()
    return _TABLE_HEADER.pack(first, last, width) + pack_bits(lengths[first : last + 1], width)


def unpack_lengths(data, n):
    """Read back what `pack_lengths` wrote at the start of `data`; other bytes may follow.

    n is the number of symbols  ->  lengths uint8 (n,), and the number of bytes that the table takes.
    Errors: FormatError when the table is cut short, names symbols outside 0..n−1, or is not that of a complete code.
    """
    if len(data) < _TABLE_HEADER.size:
        raise FormatError(f"code lengths: the table has {_TABLE_HEADER.size} bytes or more, here are {len(data)}")
    first, last, width = _TABLE_HEADER.unpack_from(data)
    if not first <= last < n:
        raise FormatError(f"code lengths: the table covers symbols {first} to {last}, expects a range in 0..{n - 1}")
    if not 1 <= width <= 5:
        raise FormatError(f"code lengths: {width} bits per length, expects 1 to 5")
    used = last - first + 1
    end = _TABLE_HEADER.size + packed_size(used, width)
    lengths = np.zeros(n, np.uint8)
    lengths[first : last + 1] = unpack_bits(data[_TABLE_HEADER.size : end], width, used)
    check_lengths(lengths)
    return lengths, end


def code_lengths(counts):
    """The length of each symbol's Huffman code, for which the total Σ counts_s · lengths_s is the smallest possible.

    Merge the two rarest trees until one is left; a symbol's length is the depth of its leaf.

    counts (n,) integers ≥ 0, n ≤ 65536  ->  uint8 (n,); 0 for symbols that never occur, 1 for a symbol that is alone.
    No length exceeds MAX_LENGTH: where one would, all counts are halved (rounded up) and the tree is built again. The
    code is then a little longer than the best; only 196418 symbols or more, with counts like Fibonacci's, need it.
    Errors: ValueError for negative counts, or when nothing is counted.

    >>> code_lengths([5, 2, 0, 1, 1])
    array([1, 2, 0, 3, 3], dtype=uint8)
    """
    counts = np.asarray(counts)
    if counts.ndim != 1 or counts.size > 65536:
        raise ValueError(f"code_lengths: counts have shape {counts.shape}, expects (n,) with n ≤ 65536")
    if counts.min(initial=0) < 0 or not counts.any():
        raise ValueError(f"code_lengths: the {counts.size} counts lie in {counts.min(initial=0)}..{counts.max(initial=0)}, "
                         "expects none below 0 and at least one above")
    used = np.flatnonzero(counts)
    weights = counts[used].tolist()
    depths = leaf_depths(weights)
    while max(depths) > MAX_LENGTH:
        weights = [(weight + 1) // 2 for weight in weights]
        depths = leaf_depths(weights)
    lengths = np.zeros(counts.size, np.uint8)
    lengths[used] = depths
    return lengths


def leaf_depths(weights):
    """The depth of each leaf in Huffman's tree of these weights, which is the length of its code.

    Merge the two lightest trees until one is left; each merge puts the leaves of both one deeper. Of equally light trees any
    may be taken: the depths may then differ, Σ weight · depth does not.

    weights: n ≥ 1 whole numbers above 0, n up to 65536 -> n depths, in their order; a lone leaf has depth 1.
    """
    leaves = len(weights)
    if leaves == 1:
        return [1]
    heap = [(weight, node) for node, weight in enumerate(weights)]
    heapify(heap)
    root = 2 * leaves - 2
    parent = [0] * (root + 1)
    for node in range(leaves, root + 1):
        (weight_a, a), (weight_b, b) = heappop(heap), heappop(heap)
        parent[a] = parent[b] = node
        heappush(heap, (weight_a + weight_b, node))
    depth = [0] * (root + 1)
    for node in range(root - 1, -1, -1):  # a parent is made after its children, so it has the higher number
        depth[node] = depth[parent[node]] + 1
    return depth[:leaves]


def encode(symbols, lengths):
    """Write the symbols' canonical codes one after the other; zero bits fill the last byte.

    symbols (N,) integers, lengths (n,)  ->  ⌈Σ_i lengths[symbols_i] / 8⌉ bytes.
    Errors: FormatError for lengths of no complete code, ValueError for a symbol without a code.

    >>> encode([0, 1, 0, 2], [1, 2, 2]).hex()  # 0 10 0 11 | 00
    '4c'
    """
    symbols = as_fields("encode", symbols, len(lengths))
    lengths = check_lengths(lengths)
    symbol_lengths = lengths[symbols]
    if not symbol_lengths.all():
        raise ValueError(f"encode: symbol {symbols[np.argmin(symbol_lengths)]} has no code, its length is 0")
    data = np.zeros(packed_size(int(symbol_lengths.sum()), 1), np.uint8)
    write_codes(symbols, lengths, codes(lengths), data)
    return data.tobytes()


@njit(cache=True)
def write_codes(symbols, lengths, codes, data):
    """Write the symbols' codes one after the other into `data`, the highest bit of a code first.

    The first bit of the stream is the highest of data[0]; after its lowest comes the highest of data[1].
    symbols (N,) that all have a code, lengths (n,), codes (n,) uint32, each in its lowest `length` bits -> data (B,) uint8, all
    0 before and long enough, is filled in place.
    """
    bit = 0
    for symbol in symbols:
        for shift in range(lengths[symbol] - 1, -1, -1):
            data[bit >> 3] |= (codes[symbol] >> shift & 1) << (7 - (bit & 7))
            bit += 1


def decode_reference(data, lengths, count):
    """Read `count` symbols: take bits until they are the code of a symbol. The readable twin of `decode`.

    data, lengths, the result and the errors are those of `decode`; `_check_count` and `_check_end` raise two of them.
    """
    lengths = check_lengths(lengths)
    _check_count(data, count)
    code_of = codes(lengths)
    symbol_of = {f"{code_of[symbol]:0{lengths[symbol]}b}": symbol for symbol in np.flatnonzero(lengths)}
    bits = "".join(f"{byte:08b}" for byte in data)
    symbols, position = [], 0
    for i in range(count):
        start, code = position, ""
        while code not in symbol_of:
            if len(code) == lengths.max():
                raise FormatError(f"symbol {i} of {count}: the code at bit {start} stands for no symbol")
            if position == len(bits):
                raise FormatError(f"symbol {i} of {count}: the stream ends")
            code += bits[position]
            position += 1
        symbols.append(symbol_of[code])
    _check_end(data, position)
    return np.array(symbols, np.uint16)


def decode(data, lengths, count):
    """Read `count` symbols from what `encode` wrote with the same lengths.

    Codes of one length are consecutive numbers, so a code is told from the first of its length alone:

        rank = code − first_code[length];   it is complete as soon as rank < per_length[length]

    data bytes, lengths (n,)  ->  uint16 (count,).
    Errors: FormatError when the stream ends before the last symbol or goes on after it, when a code stands for no
    symbol, or for lengths of no complete code. Whatever `count` says, at most 16 bytes per byte of data are allocated.
    """
    lengths = check_lengths(lengths)
    _check_count(data, count)
    per_length = np.bincount(lengths.astype(np.intp))
    by_code = np.argsort(lengths, kind="stable")[per_length[0] :]  # the used symbols in the order of their codes
    per_length[0] = 0
    first_index = np.cumsum(per_length) - per_length
    first_code = np.zeros_like(per_length)
    for length in range(1, per_length.size):
        first_code[length] = 2 * (first_code[length - 1] + per_length[length - 1])

    symbols = np.empty(count, np.uint16)
    decoded, bit = read_codes(np.frombuffer(data, np.uint8), per_length, first_code, first_index, by_code, symbols)
    if decoded < count and bit == 8 * len(data):
        raise FormatError(f"symbol {decoded} of {count}: the stream ends")
    if decoded < count:
        raise FormatError(f"symbol {decoded} of {count}: the code at bit {bit} stands for no symbol")
    _check_end(data, bit)
    return symbols


@njit(cache=True)
def read_codes(data, per_length, first_code, first_index, by_code, symbols):
    """Fill `symbols` in place; return how many were read, and the bit where reading stopped.

    A code grows by one bit at a time, from length 1 to the longest. It is complete at the first length at which its rank,
    code − first_code[length], is below per_length[length]. Its symbol is by_code[first_index[length] + rank]. In a complete
    code the rank is never negative: a code that was too large for one length stays so for the next.

    data          (B,) uint8, the highest bit of a byte first
    per_length    for each length 0 … longest, how many codes have it
    first_code    for each length the first of its codes; first_index, its place in by_code
    by_code       the used symbols in the order of their codes
    symbols       (N,) uint16, filled

    Reading stops after the last symbol's code; or at 8 B, where the data ends inside a code; or at the start of a code that
    has reached the longest length and stands for no symbol.
    """
    bit, end = 0, 8 * data.size
    for i in range(symbols.size):
        start, code = bit, 0
        for length in range(1, per_length.size):
            if bit == end:
                return i, end
            code = 2 * code + int(data[bit >> 3] >> (7 - (bit & 7)) & 1)
            bit += 1
            rank = code - first_code[length]
            if rank < per_length[length]:
                symbols[i] = by_code[first_index[length] + rank]
                break
        else:
            return i, start
    return symbols.size, bit


def _check_count(data, count):
    if count > 8 * len(data):  # before anything of that size is allocated
        raise FormatError(f"{count} symbols take {count} bits or more, the stream has {8 * len(data)}")


def _check_end(data, bit):
    extra = len(data) - packed_size(bit, 1)
    if extra:
        raise FormatError(f"the stream goes on for {extra} bytes after its last symbol")
