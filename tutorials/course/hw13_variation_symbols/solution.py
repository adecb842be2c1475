"""An arithmetic coder for symbols of any alphabet, in exact whole numbers: low / scale ≤ number < (low + width) / scale."""

import math

import numpy as np


def checked(symbols, alphabet, most):
    """The symbols as a list of int, once they are known to fit.

    Errors: ValueError where the alphabet has less than one symbol, where `most` is less than twice the alphabet, or where a
    symbol lies outside 0 … alphabet − 1.
    """
    if alphabet < 1 or most < 2 * alphabet:
        raise ValueError(f"arithmetic code: an alphabet of {alphabet} with counts up to {most}, expects most ≥ 2 · size ≥ 2")
    symbols = np.asarray(symbols).astype(np.int64).tolist()
    for symbol in symbols:
        if not 0 <= symbol < alphabet:
            raise ValueError(f"arithmetic code: a symbol is {symbol}, expects 0 to {alphabet - 1}")
    return symbols


def narrow(low, width, scale, counts, symbol):
    """The interval after one more symbol, as whole numbers low, width, scale.

    The interval [low / scale, (low + width) / scale) is split into one part for each symbol, in their order from below. A part
    is to the whole as counts[symbol] to Σ counts. Nothing is rounded: all three numbers are multiplied by Σ counts; no common
    factor is taken out.

    low, width, scale: int; counts: a list of int ≥ 1 -> (low, width, scale).

    >>> narrow(0, 1, 1, [1, 2, 1], 1)  # the middle half of [0, 1)
    (1, 2, 4)
    """
    total = sum(counts)
    below = sum(counts[:symbol])
    return low * total + width * below, width * counts[symbol], scale * total


def shortest(low, width, scale):
    """The fewest bytes that name a number in the interval [low / scale, (low + width) / scale), the smallest of so many.

    n bytes, the highest first, name the number (b_1 b_2 … b_n) / 256^n; no byte at all names 0.   -> bytes

    >>> shortest(1, 2, 4).hex(), shortest(0, 1, 1000)
    ('40', b'')
    """
    size = 0
    while True:
        number = -(-low * 256**size // scale)
        if number * scale < (low + width) * 256**size:
            return number.to_bytes(size, "big")
        size += 1


def update(counts, symbol, most):
    """The counts after a symbol: its own grows by 1; then, if their sum is above `most`, all are halved, rounded up.

    So old symbols weigh less than new ones, and no count is ever 0.   counts: a list of int ≥ 1, left as it is -> a new list

    >>> update([1, 2, 1], 1, 10), update([1, 2, 1], 1, 4)
    ([1, 3, 1], [1, 2, 1])
    """
    counts = list(counts)
    counts[symbol] += 1
    if sum(counts) > most:
        counts = [(count + 1) // 2 for count in counts]
    return counts


def encode(symbols, alphabet, most):
    """Symbols as bytes. Counts start at 1 for each symbol of the alphabet and learn after each symbol (`update`).

    symbols (N,) whole numbers 0 … alphabet − 1, N ≥ 0 -> bytes.   Errors: those of `checked`.

    >>> encode(np.array([1, 1, 0]), 2, 100).hex()  # 1/2 · 2/3 · 1/4 of the interval: it starts at 2/3 and ends at 3/4
    'ab'
    """
    low, width, scale, counts = 0, 1, 1, [1] * alphabet
    for symbol in checked(symbols, alphabet, most):
        low, width, scale = narrow(low, width, scale, counts, symbol)
        counts = update(counts, symbol, most)
    return shortest(low, width, scale)


def decode(data, count, alphabet, most):
    """The `count` symbols that `encode` was given with the same alphabet and `most`: int64 (count,).

    Errors: those of `checked`; ValueError where `data` is not what `encode` makes of these symbols.

    >>> decode(bytes.fromhex("ab"), 3, 2, 100)
    array([1, 1, 0])
    """
    checked([], alphabet, most)
    number, digits = int.from_bytes(data, "big"), 256 ** len(data)
    low, width, scale, counts, symbols = 0, 1, 1, [1] * alphabet, []
    for _ in range(count):
        for symbol in range(alphabet):
            inner = narrow(low, width, scale, counts, symbol)
            if number * inner[2] < (inner[0] + inner[1]) * digits:
                break
        (low, width, scale), counts = inner, update(counts, symbol, most)
        symbols.append(symbol)
    if shortest(low, width, scale) != data:
        raise ValueError(f"decode: the data is not the code of its {count} symbols")
    return np.array(symbols, np.int64)


def ideal_bits(symbols, alphabet, most):
    """What the symbols cost with the counts that `encode` has when it meets them: Σ log2(Σ counts / counts_s), a float.

    symbols as in `encode`.   Errors: those of `checked`.

    >>> round(ideal_bits(np.array([1, 1, 0]), 2, 100), 3)  # log2(2) + log2(3/2) + log2(4)
    3.585
    """
    bits, counts = 0.0, [1] * alphabet
    for symbol in checked(symbols, alphabet, most):
        bits += math.log2(sum(counts) / counts[symbol])
        counts = update(counts, symbol, most)
    return bits
