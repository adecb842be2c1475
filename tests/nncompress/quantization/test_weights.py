import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.quantization.affine import quantize_affine
from nncompress.quantization.weights import (
    BIAS_LIMIT,
    checked_scales,
    grid_step,
    quantize_bias,
    weight_scales,
)

TINY = np.finfo(np.float32).tiny


def quantize_weights(w, b, S1, bits):
    """Integers of weights and biases, and the scales, one for each channel."""
    top, S_w = 2 ** (bits - 1) - 1, weight_scales(w, b, S1, bits)
    return quantize_affine(w, S_w, 0, -top, top, np.int8), quantize_bias(b, S1, S_w), S_w

@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), bits=st.integers(2, 8), size=st.floats(-6, 6))
def test_weights_and_biases_are_rounded_to_the_nearest_step(seed, bits, size):
    rng = np.random.default_rng(seed)
    w = (rng.standard_normal((5, 3, 2, 2)) * 10 ** rng.uniform(-3, 3, (5, 1, 1, 1))).astype(np.float32)
    b = (rng.standard_normal(5) * 10 ** rng.uniform(-3, 3, 5)).astype(np.float32)
    S1 = np.float32(10**size)
    q, b_q, scale = quantize_weights(w, b, S1, bits)
    assert (q.dtype, b_q.dtype, scale.dtype) == (np.int8, np.int32, np.float32)
    top = 2 ** (bits - 1) - 1
    assert np.abs(q).max() <= top and np.abs(b_q.astype(np.int64)).max() <= BIAS_LIMIT
    for o in range(5):
        S_w = float(scale[o])
        assert np.abs(w[o] - S_w * q[o]).max() <= S_w / 2 * (1 + 1e-5)
        assert abs(b[o] - float(S1) * S_w * b_q[o]) <= max(float(S1) * S_w / 2, 2**-23 * abs(b[o]))  # S_w is a float32
        largest = np.abs(w[o]).max() / np.float32(top)
        if abs(b[o]) < 0.99 * BIAS_LIMIT * float(S1) * largest:
            assert S_w == largest and np.abs(q[o]).max() == top  # the largest weight is the largest integer


def test_quantized_weights_worked_by_hand():
    # bits 3: −3 … 3. Channel 1 in steps of 0.5, channel 2 of 2; biases in steps of 0.1·0.5 and 0.1·2.
    q, b_q, scale = quantize_weights(np.float32([[1.5, -0.6], [6, 2.9]]), np.float32([0.12, -4]), np.float32(0.1), 3)
    np.testing.assert_array_equal(q, [[3, -1], [3, 1]])
    np.testing.assert_array_equal(b_q, [2, -20])
    np.testing.assert_array_equal(scale, [0.5, 2])


@pytest.mark.parametrize("weight", [0, TINY / 1000, 1e-30, 1e-12])
def test_a_bias_beside_tiny_or_no_weights_fits_into_int32_and_keeps_its_digits(weight):
    q, b_q, scale = quantize_weights(np.full((1, 4), weight, np.float32), np.float32([0.3]), np.float32(10), 8)
    assert abs(b_q[0]) <= BIAS_LIMIT
    assert abs(10.0 * float(scale[0]) * b_q[0] - 0.3) <= 1e-7
    np.testing.assert_allclose(float(scale[0]) * q, weight, rtol=0, atol=float(scale[0]) / 2)


def test_a_channel_without_weights_and_bias_is_zero():
    q, b_q, scale = quantize_weights(np.zeros((2, 3), np.float32), np.zeros(2, np.float32), np.float32(0.1), 8)
    assert not q.any() and not b_q.any() and (scale == 1).all()


# ---- one scale for a layer


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), most=st.integers(1, 127), size=st.floats(-6, 3))
def test_weights_on_a_grid_keep_their_integers_and_its_step(seed, most, size):
    rng = np.random.default_rng(seed)
    s, k = np.float32(10**size), rng.integers(-most, most + 1, (6, 20))
    k[0, :2] = 1, most  # so that no coarser grid holds them
    w = np.float32(k * np.float64(s))
    assert grid_step(w, 127) == s
    scales = weight_scales(w, np.zeros(6, np.float32), np.float32(0.1), 8, per="layer")
    np.testing.assert_array_equal(scales, np.full(6, s))
    np.testing.assert_array_equal(quantize_affine(w, scales, 0, -127, 127, np.int8), k)


def test_the_coarsest_grid_is_found_and_none_where_there_is_none():
    assert grid_step([6, -9, 0, 15], 127) == 3
    assert grid_step([6, -9, 0, 15], 5) == 3
    assert grid_step([6, -9, 0, 15], 4) is None  # 15 = 5 · 3
    assert grid_step([1, np.sqrt(2)], 127) is None
    assert grid_step(np.zeros(3), 127) is None
    assert grid_step(np.random.default_rng(0).standard_normal(50), 127) is None


def test_off_the_grid_the_largest_weight_of_the_layer_decides():
    w, b = np.float32([[1, 0.3], [0, 0], [-5.08, 0.77]]), np.zeros(3, np.float32)
    np.testing.assert_array_equal(weight_scales(w, b, np.float32(1), 8, per="layer"), np.full(3, np.float32(5.08) / 127))


def test_a_bias_too_large_for_the_grid_decides():
    w, b = np.float32([[1], [2]]), np.float32([0, 2.0**32])
    np.testing.assert_array_equal(weight_scales(w, b, np.float32(1), 8, per="layer"), [4, 4])


@pytest.mark.parametrize("step", [0.0, -1.0, np.nan, np.inf, 1e-45])
def test_a_step_that_is_no_size_is_refused(step):
    with pytest.raises(ValueError, match="the step of the weights has to be finite and positive, got"):
        checked_scales(step, 3)


def test_a_bias_of_too_many_steps_is_refused():
    np.testing.assert_array_equal(quantize_bias(np.float32([3, -1]), np.float32(0.5), np.float32([2, 0.25])), [3, -8])
    with pytest.raises(ValueError, match=r"a bias has 1e\+10 steps of S_in S_w; there is room for 2\^30, 1.07e\+09"):
        quantize_bias(np.float32([1e10]), np.float32(1), np.float32([1]))
