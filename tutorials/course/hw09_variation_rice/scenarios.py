"""What the tests ask of your code: bytes go to and fro as arrays of uint8."""

import numpy as np
import variation
from variation import best_k, limited_lengths, rice_bits  # noqa: F401  the tests call them


def rice_encode(values, k):
    return np.frombuffer(variation.rice_encode(values, k), np.uint8)


def rice_decode(data, k, count):
    return variation.rice_decode(data.tobytes(), k, count)
