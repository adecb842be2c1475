from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nncompress.quantization.affine import affine_parameters, dequantize, quantize_affine, round_scaled, symmetric_scale

UINT8, INT8 = (0, 255, np.uint8), (-128, 127, np.int8)
QUICK = settings(deadline=None, max_examples=50)


def reals(magnitude):
    """float32 numbers of ordinary size, both signs and zero."""
    return st.floats(-magnitude, magnitude, width=32, allow_subnormal=False)


# ---- the letter of the articles


@QUICK
@given(w=arrays(np.float32, 20, elements=reals(100.0)), Q=st.integers(1, 1000))
def test_round_scaled_is_within_half_a_step(w, Q):
    for value, q in zip(w.tolist(), round_scaled(w, Q).tolist(), strict=True):
        assert abs(Fraction(value) - Fraction(q, Q)) <= Fraction(1, 2 * Q)


@pytest.mark.parametrize("Q", [2, 4, 8])
def test_round_scaled_equals_affine_quantization_with_scale_one_over_q_and_zero_point_zero(Q):
    w = np.random.default_rng(0).normal(size=1000)
    np.testing.assert_array_equal(round_scaled(w, Q), quantize_affine(w, 1 / Q, 0, -(2**31), 2**31 - 1, np.int32))


def test_round_scaled_multiplies_in_double_precision():
    w, Q = np.float32([1 + 2.0**-23]), 2**22 + 2                # w Q = Q + 0.5 + 2^-22; in float32 it would be Q + 0.5
    assert round_scaled(w, Q) == Q + 1


def test_q_is_a_scale_and_not_a_number_of_bits():
    assert len(np.unique(round_scaled(np.linspace(-1, 1, 1001), 8))) == 17


def test_the_letter_leaves_int8_where_the_accepted_form_stays_inside():
    w = np.array([-20.0, 0.3, 20.0])
    np.testing.assert_array_equal(round_scaled(w, 8), [-160, 2, 160])
    np.testing.assert_array_equal(quantize_affine(w, symmetric_scale(w, 8), 0, *INT8), [-127, 2, 127])


def test_round_scaled_says_what_is_wrong():
    with pytest.raises(ValueError, match="Q is a scale and must be positive, got -8"):
        round_scaled([1.0], -8)
    with pytest.raises(ValueError, match=r"round_scaled: 1 of 2 values are NaN or infinite, the first at index \(1,\)"):
        round_scaled([1.0, np.nan], 8)


# ---- scale and zero point


@pytest.mark.parametrize("low, high, qmin, qmax, S, Z", [
    (-1.0, 3.0, 0, 255, 4 / 255, 64),            # 0 + 255/4 = 63.75
    (-1.0, 3.0, -128, 127, 4 / 255, -64),        # -128 + 63.75 = -64.25
    (2.0, 6.0, 0, 255, 6 / 255, 0),              # widened to [0, 6]
    (-6.0, -2.0, 0, 255, 6 / 255, 255),          # widened to [-6, 0]
    (-1.0, 2.0, 0, 3, 1.0, 1),
])
def test_affine_parameters_of_ranges_worked_by_hand(low, high, qmin, qmax, S, Z):
    assert affine_parameters(low, high, qmin, qmax) == (np.float32(S), Z)


@QUICK
@given(low=reals(1000.0), high=reals(1000.0), integers=st.sampled_from([UINT8, INT8]))
def test_zero_is_exact(low, high, integers):
    S, Z = affine_parameters(min(low, high), max(low, high), *integers[:2])
    q = quantize_affine(np.float32(0), S, Z, *integers)
    assert q == Z
    assert dequantize(q, S, Z) == 0


@QUICK
@given(r=arrays(np.float32, 20, elements=reals(1000.0)), integers=st.sampled_from([UINT8, INT8]),
       dtype=st.sampled_from([np.float32, np.float64]))
def test_inside_the_range_the_error_is_at_most_half_a_step(r, integers, dtype):
    S, Z = affine_parameters(r.min(), r.max(), *integers[:2])
    q = quantize_affine(r.astype(dtype), S, Z, *integers)
    error = np.abs(r.astype(np.float64) - np.float64(S) * (q.astype(int) - Z))
    width = max(r.max(), 0.0) - min(r.min(), 0.0)
    assert error.max() <= S / 2 + width * 2.0**-23          # S and, in float32, r / S are each rounded by 2^-24


@pytest.mark.parametrize("width", [0.0, 1e-44, 1e-37])             # the last S would be subnormal
def test_a_range_without_width_gets_scale_one(width):
    assert affine_parameters(0.0, width, 0, 255) == (1.0, 0)
    assert affine_parameters(-width, 0.0, -128, 127) == (1.0, -128)


def test_affine_parameters_says_what_is_wrong():
    with pytest.raises(ValueError, match=r"the range \[3.0, -1.0\] must be finite with low ≤ high"):
        affine_parameters(3.0, -1.0, 0, 255)
    with pytest.raises(ValueError, match=r"\[nan, 1.0\]"):
        affine_parameters(np.nan, 1.0, 0, 255)
    with pytest.raises(ValueError, match=r"\[0.0, inf\]"):
        affine_parameters(0.0, np.inf, 0, 255)
    with pytest.raises(ValueError, match="qmin 255 must be less than qmax 0"):
        affine_parameters(0.0, 1.0, 255, 0)


@pytest.mark.parametrize("bits, qmax", [(2, 1), (3, 3), (4, 7), (5, 15), (6, 31), (7, 63), (8, 127)])
def test_the_largest_weight_becomes_qmax_and_nothing_lies_below_minus_qmax(bits, qmax):
    w = np.random.default_rng(bits).normal(size=(6, 5)).astype(np.float32)
    w[2, 3] = -9.0
    S = symmetric_scale(w, bits)
    assert S == np.float32(9.0 / qmax)
    q = quantize_affine(w, S, 0, *INT8)
    assert q.min() == -qmax == q[2, 3]
    np.testing.assert_array_equal(quantize_affine(-w, S, 0, *INT8), -q)


@pytest.mark.parametrize("shape", [(4, 7), (4, 3, 3, 3), (4,)])
def test_per_channel_quantization_is_per_tensor_quantization_of_each_channel(shape):
    w = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    S = symmetric_scale(w, 8, axis=0)
    q = quantize_affine(w, S, 0, -127, 127, np.int8)
    assert S.shape == (4,)
    for o in range(4):
        assert S[o] == symmetric_scale(w[o], 8)
        np.testing.assert_array_equal(q[o], quantize_affine(w[o], S[o], 0, -127, 127, np.int8))
        np.testing.assert_array_equal(dequantize(q, S, 0)[o], dequantize(q[o], S[o], 0))


def test_zero_points_may_also_differ_by_channel():
    q = quantize_affine(np.array([[1.0, 2.0], [1.0, 2.0]]), [1.0, 0.5], [0, 10], *UINT8)
    np.testing.assert_array_equal(q, [[1, 2], [12, 14]])
    np.testing.assert_array_equal(dequantize(q, [1.0, 0.5], [0, 10]), [[1.0, 2.0], [1.0, 2.0]])


def test_an_all_zero_channel_has_scale_one_and_stays_zero():
    w = np.array([[0.0, 0.0], [1.0, -2.0]])
    S = symmetric_scale(w, 8, axis=0)
    assert S[0] == 1
    np.testing.assert_array_equal(dequantize(quantize_affine(w, S, 0, *INT8), S, 0)[0], [0.0, 0.0])
    assert symmetric_scale(np.zeros(3), 8) == 1


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty_arrays_are_quantized_to_empty_arrays(shape):
    w = np.empty(shape, np.float32)
    S = symmetric_scale(w, 8, axis=0)
    assert symmetric_scale(w, 8) == 1
    np.testing.assert_array_equal(S, np.ones(shape[0]))
    q = quantize_affine(w, S, 0, *INT8)
    assert q.shape == shape and q.dtype == np.int8
    assert dequantize(q, S, 0).shape == shape


@pytest.mark.parametrize("bits", [0, 1, 9, 2.5, -8])
def test_bits_outside_two_to_eight_are_refused(bits):
    with pytest.raises(ValueError, match=f"bits is {bits}, must be an integer from 2 to 8"):
        symmetric_scale([1.0], bits)


def test_symmetric_scale_says_what_is_wrong():
    with pytest.raises(ValueError, match="axis is 1, must be None"):
        symmetric_scale(np.ones((2, 2)), 8, axis=1)
    w = np.ones((2, 3))
    w[0, 1] = w[1, 0] = np.nan
    w[1, 2] = -np.inf
    with pytest.raises(ValueError, match=r"3 of 6 values are NaN or infinite, the first at index \(0, 1\)"):
        symmetric_scale(w, 8)


# ---- quantize and dequantize


def test_the_clamp_comes_before_the_cast():
    assert np.array(172.0).astype(np.int64).astype(np.int8) == -84           # 10.0 / S = 172, cast first
    assert quantize_affine(10.0, 10 / 172, 0, *INT8) == 127
    np.testing.assert_array_equal(quantize_affine(np.float32([3e9, -3e9]), 1.0, 0, -(2**31), 2**31 - 1, np.int32),
                                  [2**31 - 1, -(2**31)])
    np.testing.assert_array_equal(quantize_affine(np.float32([3e38, -3e38]), 1e-3, 7, *UINT8), [255, 0])


def test_halves_go_to_the_even_neighbour():
    np.testing.assert_array_equal(quantize_affine([0.5, 1.5, 2.5, -0.5, -1.5, -2.5], 1.0, 0, *INT8), [0, 2, 2, 0, -2, -2])
    np.testing.assert_array_equal(quantize_affine([0.5, 1.5, 2.5], 1.0, 1, *INT8), [1, 3, 3])     # rounded before Z is added


def test_differences_of_uint8_do_not_wrap_around():
    np.testing.assert_array_equal(dequantize(np.array([3, 5, 255], np.uint8), 0.5, np.uint8(5)), [-1.0, 0.0, 125.0])


@QUICK
@given(S=st.floats(2.0**-20, 2.0**20, width=32), Z=st.integers(0, 255))
def test_every_integer_survives_the_way_to_a_real_number_and_back(S, Z):
    q = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(quantize_affine(dequantize(q, S, Z), S, Z, *UINT8), q)


def test_quantize_says_what_is_wrong():
    r = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"uint8 holds 0 … 255, not -128 … 127"):
        quantize_affine(r, 1.0, 0, -128, 127, np.uint8)
    with pytest.raises(ValueError, match="every scale must be positive, got -0.5"):
        quantize_affine(r, [1.0, -0.5], 0, *INT8)
    with pytest.raises(ValueError, match=r"of an array \(2, 3\) must be single numbers or of shape \(2,\), got \(3,\)"):
        quantize_affine(r, [1.0, 1.0, 1.0], 0, *INT8)
    with pytest.raises(ValueError, match=r"quantize_affine: 6 of 6 values are NaN or infinite, the first at index \(0, 0\)"):
        quantize_affine(r * np.inf, 1.0, 0, *INT8)
    with pytest.raises(ValueError, match=r"the first at index \(\)"):
        quantize_affine(np.nan, 1.0, 0, *INT8)


@pytest.mark.peer
def test_quantize_equals_onnx_runtime():
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["" : 13]>
        g (float[N] r, float S, uint8 Z) => (uint8[N] q) { q = QuantizeLinear(r, S, Z) }""")
    session = runtime.InferenceSession(model.SerializeToString())
    rng = np.random.default_rng(2)
    for S in rng.uniform(0.01, 0.1, 20).astype(np.float32).tolist() + [0.25]:
        r = np.float32(rng.normal(size=2000) * 10)
        r[:1000] = (np.round(r[:1000] / S) + 0.5) * S           # halves, or next to them
        [q] = session.run(None, {"r": r, "S": np.array(S, np.float32), "Z": np.array(100, np.uint8)})
        np.testing.assert_array_equal(quantize_affine(r, S, 100, *UINT8), q)
