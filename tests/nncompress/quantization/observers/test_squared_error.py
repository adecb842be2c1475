import numpy as np

from nncompress.quantization.affine import affine_parameters
from nncompress.quantization.observers import MinMax, SquaredError


def squared_error(x, low, high):
    """Σ (x − x̂)², number by number, with a step of (high − low)/255."""
    S, Z = affine_parameters(low, high, 0, 255)
    S = float(S)
    return sum((value - S * (min(max(round(value / S) + Z, 0), 255) - Z)) ** 2 for value in x.tolist())


def test_the_error_of_the_range_is_the_smallest_of_all_tried():
    rng = np.random.default_rng(0)
    x = np.append(rng.standard_normal(30_000), [9.0, -14.0])
    seen = SquaredError()
    seen.observe(x)
    low, high = seen.range()
    best = squared_error(x, low, high)
    assert best < 0.95 * squared_error(x, x.min(), x.max())
    for share in 0.6, 1.5:
        assert best < squared_error(x, low, share * high) and best < squared_error(x, share * low, high)


def test_values_without_any_far_out_keep_their_range():
    x = np.linspace(-1, 3, 4001)
    seen, everything = SquaredError(), MinMax()
    seen.observe(x)
    everything.observe(x)
    np.testing.assert_allclose(seen.range(), everything.range(), atol=0.04)
