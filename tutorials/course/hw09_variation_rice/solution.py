"""Two codes that Huffman's does not give: Rice's, which needs no table, and the best code whose lengths have a limit."""

import numpy as np


def rice_bits(values, k):
    """How many bits the values take as Rice codes.

    A value v is written as ⌊v / 2^k⌋ ones, a zero, and the k lowest bits of v, the highest of them first. With k = 2,

        v       0    1    2    3    4     5     …  9
        code    000  001  010  011  1000  1001     11001

    values (N,) whole numbers ≥ 0, N ≥ 0; k from 0 to 15 -> a whole number.
    Errors: ValueError for a k outside 0 … 15, or a value below 0.
    Source: Rice & Plaunt 1971; Golomb 1966, for parameters that are no powers of two.

    >>> rice_bits(np.array([0, 4, 9]), 2)
    12
    """
    values = checked(values, k)
    return int(((values >> k) + 1 + k).sum())


def checked(values, k):
    """The values as int64, once k is known to be 0 … 15 and no value is below 0.   Errors: ValueError otherwise."""
    values = np.asarray(values).astype(np.int64)
    if not 0 <= k <= 15:
        raise ValueError(f"rice: k is {k}, expects 0 to 15")
    if values.size and values.min() < 0:
        raise ValueError(f"rice: a value is {values.min()}, expects 0 or more")
    return values


def best_k(values):
    """The k from 0 to 15 for which `rice_bits` is smallest; of equal ones the smallest k.   values as there.

    >>> best_k(np.array([7, 9, 8, 10]))  # 38, 24, 19, 19, 20, 24, … bits
    2
    """
    return min(range(16), key=lambda k: rice_bits(values, k))


def rice_encode(values, k):
    """The Rice codes of the values (see `rice_bits`) one after the other -> bytes.

    The first bit is the highest of the first byte; zeros fill the last byte. Values and errors as in `rice_bits`.

    >>> rice_encode(np.array([0, 4, 9]), 2).hex()  # 000 1000 11001 | 0000
    '1190'
    """
    values = checked(values, k).tolist()
    bits = "".join("1" * (v >> k) + "0" + (f"{v & (1 << k) - 1:0{k}b}" if k else "") for v in values)
    return bytes(int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8))


def rice_decode(data, k, count):
    """Read `count` values from what `rice_encode` wrote with the same k.

    data: bytes -> int64 (count,).
    Errors: ValueError for a k outside 0 … 15; where the data ends inside a code or before the last value; where more than seven
    bits follow the last value, or one of them is a 1.

    >>> rice_decode(bytes.fromhex("1190"), 2, 3)
    array([0, 4, 9])
    """
    checked([], k)
    bits, at, values = "".join(f"{byte:08b}" for byte in data), 0, []
    for _ in range(count):
        zero = bits.find("0", at)
        if zero < 0 or zero + 1 + k > len(bits):
            raise ValueError(f"rice: the data ends in value {len(values)} of {count}")
        values.append((zero - at << k) + int("0" + bits[zero + 1 : zero + 1 + k], 2))
        at = zero + 1 + k
    if len(bits) - at > 7 or "1" in bits[at:]:
        raise ValueError(f"rice: something follows the last of {count} values")
    return np.array(values, np.int64)


def limited_lengths(counts, limit):
    """The lengths of the shortest prefix code among those whose lengths are at most `limit`.

    The mean length Σ counts_s · lengths_s is the smallest possible under this limit, and Kraft's sum Σ 2^(−lengths_s) is 1; it
    is ½ for a symbol that is alone. Several answers may be as good; any will do.

    One way to them is *package-merge*: for each used symbol there is a coin of the value 2^(−l) and the price counts_s, for
    l = 1 … limit. Buy coins worth n − 1 in all, n the number of used symbols, as cheaply as you can: from the smallest
    coins upwards, sort, put every two neighbours together to one of the next value, and merge it with the coins that there
    are. A symbol's length is the number of its coins that were bought.

    counts (S,) whole numbers ≥ 0, n ≥ 1 of them above 0 -> lengths (S,), whole numbers; 0 for symbols that never occur, 1 for a
    symbol that is alone.
    Errors: ValueError for a limit below 1, for more than 2^limit used symbols, and where nothing is counted.
    Source: Larmore & Hirschberg 1990.

    >>> limited_lengths(np.array([1, 1, 2, 4, 8]), 3)
    array([3, 3, 3, 3, 1])
    """
    counts = np.asarray(counts)
    used = np.flatnonzero(counts)
    if limit < 1 or not 1 <= len(used) <= 2**limit:
        raise ValueError(f"limited_lengths: {len(used)} used symbols do not fit into {limit} bits")
    lengths = np.zeros(len(counts), int)
    if len(used) == 1:
        lengths[used] = 1
        return lengths
    coins = [(int(counts[s]), (s,)) for s in used]
    packages = []
    for _ in range(limit - 1):
        merged = sorted(coins + packages, key=lambda package: package[0])
        packages = [(a + b, left + right) for (a, left), (b, right) in zip(merged[::2], merged[1::2], strict=False)]
    for _, bought in sorted(coins + packages, key=lambda package: package[0])[: 2 * len(used) - 2]:
        np.add.at(lengths, list(bought), 1)
    return lengths
