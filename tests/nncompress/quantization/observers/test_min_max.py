import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.quantization.affine import affine_parameters, dequantize, quantize_affine
from nncompress.quantization.observers import MinMax

REALS = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)


@settings(deadline=None, max_examples=50)
@given(batches=st.lists(st.lists(REALS, max_size=5), max_size=4))
def test_the_range_is_that_of_all_batches_and_zero(batches):
    seen = MinMax()
    for x in batches:
        seen.observe(np.array(x, np.float32).reshape(len(x), 1))
    everything = [0.0, *sum(batches, [])]
    assert (seen.low, seen.high) == (min(everything), max(everything))


def test_a_relu_activation_starts_at_the_lowest_integer():
    seen = MinMax()
    seen.observe([0.0, 0.5, 5.1])
    S, Z = affine_parameters(*seen.range(), 0, 255)
    assert Z == 0 and S == pytest.approx(5.1 / 255)
    S, Z = affine_parameters(*seen.range(), -128, 127)
    assert Z == -128 and S == pytest.approx(5.1 / 255)


def test_a_constant_zero_activation_gets_a_scale_that_works():
    seen = MinMax()
    seen.observe(np.zeros((2, 3)))
    S, Z = affine_parameters(*seen.range(), 0, 255)
    assert S == 1
    np.testing.assert_array_equal(dequantize(quantize_affine(np.zeros(3), S, Z, 0, 255, np.uint8), S, Z), np.zeros(3))


def test_a_constant_activation_is_exact_at_its_value():
    seen = MinMax()
    seen.observe(np.full(4, 2.55))
    S, Z = affine_parameters(*seen.range(), 0, 255)
    assert dequantize(quantize_affine(2.55, S, Z, 0, 255, np.uint8), S, Z) == pytest.approx(2.55, rel=2.0**-23)


def test_nan_is_refused_and_leaves_the_range_alone():
    seen = MinMax()
    seen.observe([1.0])
    with pytest.raises(ValueError, match=r"observe: 1 of 2 values are NaN or infinite, the first at index \(1,\)"):
        seen.observe([5.0, np.nan])
    assert (seen.low, seen.high) == (0.0, 1.0)
