"""What the tests of the int8 matrix product share."""

import numpy as np


def operands(rng, M, K, N):
    """a (M, K), w (K, N), the extreme values often, and c with something in it."""
    a, w = rng.integers(0, 256, (M, K), np.uint8), rng.integers(-128, 128, (K, N), np.int8)
    a[rng.random((M, K)) < 0.3] = 255
    w[rng.random((K, N)) < 0.3] = rng.choice([-128, 127])
    return a, w, np.full((M, N), -1, np.int32)
