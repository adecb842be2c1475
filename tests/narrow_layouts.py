"""What the tests of `narrow` and of its layout share."""

import numpy as np
import pytest

from nnlite.kernels.simd.level import LEVEL
from nnlite.kernels.simd.narrow import VECTORS, narrow_width

FLOATS = pytest.mark.parametrize("dtype", [dtype for dtype in (np.float32, np.float64)
                                           if LEVEL.vector_bytes // np.dtype(dtype).itemsize >= 4])


def lanes_of(dtype):
    return LEVEL.vector_bytes // np.dtype(dtype).itemsize


def laid_out(w, lanes):
    """The layout of w (P, K, N), number by number."""
    (P, K, N), numbers, n = w.shape, [], 0
    while n < N:
        width = narrow_width(N - n, lanes)
        G = VECTORS * lanes // width
        for p in range(P):
            for k in range(0, K, G):
                numbers += [w[p, k + i, n + j] if k + i < K and n + j < N else 0 for j in range(width) for i in range(G)]
        n += width
    return np.array(numbers, w.dtype)
