"""What the tests ask of your code: bytes go to and fro as arrays of uint8, large numbers as text."""

import numpy as np
import variation


def narrow(low, width, scale, counts, symbol):
    """(low, width, scale), given and returned as text in decimal digits."""
    return [str(n) for n in variation.narrow(int(low), int(width), int(scale), [int(c) for c in counts], int(symbol))]


def shortest(low, width, scale):
    return np.frombuffer(variation.shortest(int(low), int(width), int(scale)), np.uint8)


def update(counts, symbol, most):
    """The counts after a symbol, and those that were given."""
    given = [int(c) for c in counts]
    return np.array(variation.update(given, int(symbol), int(most))), np.array(given)


def encode(symbols, alphabet, most):
    return np.frombuffer(variation.encode(symbols, alphabet, most), np.uint8)


def decode(data, count, alphabet, most):
    return variation.decode(data.tobytes(), count, alphabet, most)


def ideal_bits(symbols, alphabet, most):
    return variation.ideal_bits(symbols, alphabet, most)
