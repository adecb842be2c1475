import numpy as np
import pytest

from nnlite.kernels.fast.convolution import conv2d_reference
from nnlite.kernels.loops.convolution import conv2d_loops


@pytest.mark.parametrize("integers", [False, True])
def test_the_loops_of_a_convolution_equal_the_formula(integers):
    rng = np.random.default_rng(0)
    if integers:
        x, w, kind = rng.integers(0, 256, (2, 7, 6, 3), np.uint8), rng.integers(-128, 128, (3, 2, 3, 5), np.int8), np.int32
    else:
        x, w, kind = rng.standard_normal((2, 7, 6, 3)), rng.standard_normal((3, 2, 3, 5)), np.float64
    y = np.full((2, 5, 5, 5), -1, kind)
    assert conv2d_loops(x, w, y) is y
    expected = conv2d_reference(x.astype(kind), w[None].astype(kind), (1, 1), (1, 1))
    np.testing.assert_allclose(y, expected, rtol=0, atol=0 if integers else 1e-13)
