import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requantized import (
    CHANNELS,
    LAWS,
    NO_FACTORS,
    NO_SHIFTS,
    SEEDS,
    UNTOUCHED,
    ZERO_POINTS,
    accumulators,
    factors,
    multipliers,
    requantize_reference,
)

from nncompress.int8.requantize import add_fixed_parameters, multiplier
from nncompress.quantization.affine import quantize_affine
from nnlite.kernels.loops.pooling import Window
from nnlite.kernels.loops.requantize import add_fixed_formula, add_float_formula

QUICK = settings(deadline=None, max_examples=40)


@QUICK
@given(seed=SEEDS, Z=ZERO_POINTS, size=st.floats(-30, 30))
def test_quantize_rows_equals_affine_quantization(shelf, seed, Z, size):
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal((7, 5)) * 10**size).astype(np.float32)
    S = np.float32(10 ** (size - rng.uniform(0, 3)))
    q = np.empty(x.shape, np.uint8)
    shelf.quantize_rows(x, S, Z, q)
    np.testing.assert_array_equal(q, quantize_affine(x, S, Z, 0, 255, np.uint8))


def test_quantize_rows_clamps_before_it_casts_and_rounds_halves_to_even(shelf):
    x = np.float32([[10.0, -10.0, 0.25, 0.75, -0.25, 1e38, -1e38, 0.0]])
    q = np.empty(x.shape, np.uint8)
    shelf.quantize_rows(x, np.float32(0.5), 250, q)
    np.testing.assert_array_equal(q, [[255, 230, 250, 252, 250, 255, 0, 250]])  # 270 cast alone would be 14
    with np.errstate(over="ignore"):  # uncompiled, NumPy would warn: the quotients overflow to infinity
        shelf.quantize_rows(x, np.float32(1e-45), 7, q)
    np.testing.assert_array_equal(q, [[255, 0, 255, 255, 0, 255, 0, 7]])


@QUICK
@given(SEEDS, LAWS, st.integers(1, 140), CHANNELS, ZERO_POINTS)
def test_requantize_rows_equal_all_laws_channel_by_channel(shelf, seed, law, R, O, Z):
    rng = np.random.default_rng(seed)
    bits = 31 if law in ("fixed", "once") else 30  # where something may be shifted left, sums may be beyond int32
    acc, b, M = accumulators(rng, R + 64, O, bits), accumulators(rng, 1, O, bits)[0], multipliers(rng, O, law)
    q = np.full(acc.shape, UNTOUCHED, np.uint8)
    shelf.requantize_rows(acc[:R], b, factors(M, law), Z, 0, 255, q[:R])
    np.testing.assert_array_equal(q[:R], requantize_reference(acc[:R].astype(np.int64) + b, M, law, Z, 0))
    assert (q[R:] == UNTOUCHED).all()


def test_requantize_rows_worked_by_hand(shelf):
    # (acc + b) M + Z with M = 1/4 and 1/2: 12/4 + 10, 40/2 + 10; −100/4 + 10 and −100/2 + 10; 2000/4 + 10
    acc, b, M = np.int32([[10, 42], [-102, -98], [1998, 0]]), np.int32([2, -2]), np.array([0.25, 0.5])
    q = np.empty((3, 2), np.uint8)
    for low, expected in (0, [[13, 30], [0, 0], [255, 9]]), (10, [[13, 30], [10, 10], [255, 10]]):
        for law in "fixed", "fixed, nothing to the left", "once", "float":
            shelf.requantize_rows(acc, b, factors(M, law), 10, low, 255, q)
            np.testing.assert_array_equal(q, expected)


def test_by_the_float_law_the_product_is_rounded_to_float32_before_it_is_rounded_to_a_step(shelf):
    acc, q = np.int32([[5], [15], [25], [-5]]), np.empty((4, 1), np.uint8)
    shelf.requantize_rows(acc, np.int32([0]), factors(np.array([0.1]), "float"), 10, 0, 255, q)
    assert q.ravel().tolist() == [10, 12, 12, 10]  # 0.1 is 0.1000000015 in float32, and yet 5 · 0.1 is 0.5


def test_sums_beyond_int32_are_shifted_left_and_saturate(shelf):
    # acc + b is 2^31 + 1, −2^31 − 1 and 60
    acc, b, q = np.int32([[2**31 - 1, -(2**31), 50]]), np.int32([2, -1, 10]), np.empty((1, 3), np.uint8)
    for law in "fixed", "once":
        for M, expected in (1.5, [255, 0, 97]), (1.5 * 2.0**-24, [199, 0, 7]):  # 7 + 1.5 · 2^7 is 199
            shelf.requantize_rows(acc, b, factors(np.full(3, M), law), 7, 0, 255, q)
            np.testing.assert_array_equal(q, [expected])


def test_by_the_law_once_what_lies_below_a_half_stays_below(shelf):
    # 3/8: fixed rounds to 3/2, then to 2, and 2/4 to 1. 4/8 goes up by both, −4/8 up by one and away from zero by the other
    acc, q = np.int32([[3], [4], [-4], [-3]]), np.empty((4, 1), np.uint8)
    for law, expected in ("once", [10, 11, 10, 10]), ("fixed", [11, 11, 9, 10]):
        shelf.requantize_rows(acc, np.int32([0]), factors(np.array([1 / 8]), law), 10, 0, 255, q)
        assert q.ravel().tolist() == expected


@QUICK
@given(SEEDS, CHANNELS, st.tuples(ZERO_POINTS, ZERO_POINTS, ZERO_POINTS), st.booleans())
def test_add_rows_equal_all_laws(shelf, seed, O, Z, rectified):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 256, (2, 8, O)).astype(np.uint8)
    S1, S2, S3 = 10.0 ** rng.uniform(-2, 1, 3)
    low, q = Z[2] if rectified else 0, np.empty(x.shape, np.uint8)

    M0, shift = (np.int32(values) for values in add_fixed_parameters(S1, S2, S3))
    shelf.add_activations(x, y, Z[0], Z[1], shelf.Law(M0, NO_SHIFTS, -shift, NO_FACTORS), Z[2], low, 255, q)
    np.testing.assert_array_equal(q, add_fixed_formula(x, y, Z[0], Z[1], M0, shift, Z[2], low, 255))

    shelf.add_activations(x, y, Z[0], Z[1], shelf.Law(M0, NO_SHIFTS, NO_SHIFTS, NO_FACTORS, 31 - shift), Z[2], low, 255, q)
    np.testing.assert_array_equal(q, add_fixed_formula(x, y, Z[0], Z[1], M0, shift, Z[2], low, 255, "once"))

    M1, M2 = multiplier(S1, 1, S3, np.float32), multiplier(S2, 1, S3, np.float32)
    shelf.add_activations(x, y, Z[0], Z[1], shelf.Law(NO_SHIFTS, NO_SHIFTS, NO_SHIFTS, np.array([M1, M2])), Z[2], low, 255, q)
    np.testing.assert_array_equal(q, add_float_formula(x, y, Z[0], Z[1], M1, M2, Z[2], low, 255))


def test_add_rows_worked_by_hand(shelf):
    # 0.5 (q1 − 10) + 2 (q2 − 100) in steps of 1 from Z = 50: 0.5·4 + 2·3 + 50; 0.5·(−10) + 2·(−100) + 50; 0.5·245 + 2·155 + 50
    x, y, q = np.uint8([[14, 0, 255]]), np.uint8([[103, 0, 255]]), np.empty((1, 3), np.uint8)
    M0, shift = (np.int32(values) for values in add_fixed_parameters(0.5, 2, 1))
    for low, expected in (0, [[58, 0, 255]]), (50, [[58, 50, 255]]):
        shelf.add_activations(x, y, 10, 100, shelf.Law(M0, NO_SHIFTS, -shift, NO_FACTORS), 50, low, 255, q)
        np.testing.assert_array_equal(q, expected)
        shelf.add_activations(x, y, 10, 100, shelf.Law(NO_SHIFTS, NO_SHIFTS, NO_SHIFTS, np.float32([0.5, 2])), 50, low, 255, q)
        np.testing.assert_array_equal(q, expected)


@pytest.mark.parametrize("kernel, stride, padding", [
    ((2, 2), (2, 2), (0, 0)), ((3, 3), (1, 1), (1, 1)), ((3, 2), (2, 1), (1, 0)), ((1, 1), (3, 3), (0, 0)),
    ((4, 5), (3, 2), (2, 2)),
])
@pytest.mark.parametrize("Z", [0, 3, 255])
def test_sum_pool_adds_what_the_windows_hold_of_the_image(shelf, kernel, stride, padding, Z):
    x = np.random.default_rng(0).integers(0, 256, (2, 6, 7, 3)).astype(np.uint8)
    (kh, kw), (sh, sw), (ph, pw) = kernel, stride, padding
    out_h, out_w = (6 + 2 * ph - kh) // sh + 1, (7 + 2 * pw - kw) // sw + 1
    expected = np.zeros((2, out_h, out_w, 3), np.int64)
    for n, i, j, c in np.ndindex(expected.shape):
        for r in range(i * sh - ph, i * sh - ph + kh):
            for s in range(j * sw - pw, j * sw - pw + kw):
                if 0 <= r < 6 and 0 <= s < 7:
                    expected[n, i, j, c] += int(x[n, r, s, c]) - Z
    acc = np.full(expected.shape, 99, np.int32)
    shelf.sum_pool2d(x, Z, Window(kh, kw, sh, sw, ph, pw), acc)
    np.testing.assert_array_equal(acc, expected)
