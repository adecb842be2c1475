import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.quantization import int8_kernels as kernels
from nncompress.quantization.affine import quantize
from nncompress.quantization.requantize import (
    add_fixed_parameters,
    add_fixed_reference,
    add_float_reference,
    multiplier,
    quantize_multiplier,
    requantize_fixed_reference,
    requantize_float_reference,
)

QUICK = settings(deadline=None, max_examples=40)
SEEDS = st.integers(0, 2**32 - 1)
ZERO_POINTS = st.integers(0, 255)


def accumulators(rng, R, O):
    """int32 of all magnitudes and both signs, for which acc + b stays inside int32."""
    return (rng.integers(-(2**30), 2**30, (R, O)) >> rng.integers(0, 30, (R, O))).astype(np.int32)


@QUICK
@given(seed=SEEDS, Z=ZERO_POINTS, size=st.floats(-30, 30))
def test_quantize_rows_equals_affine_quantization(seed, Z, size):
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal((7, 5)) * 10**size).astype(np.float32)
    S = np.float32(10 ** (size - rng.uniform(0, 3)))
    q = np.empty(x.shape, np.uint8)
    kernels.quantize_rows(x, S, Z, q)
    np.testing.assert_array_equal(q, quantize(x, S, Z, 0, 255, np.uint8))


def test_quantize_rows_clamps_before_it_casts_and_rounds_halves_to_even():
    x = np.float32([[10.0, -10.0, 0.25, 0.75, -0.25, 1e38, -1e38, 0.0]])
    q = np.empty(x.shape, np.uint8)
    kernels.quantize_rows(x, np.float32(0.5), 250, q)
    np.testing.assert_array_equal(q, [[255, 230, 250, 252, 250, 255, 0, 250]])  # 270 cast alone would be 14
    kernels.quantize_rows(x, np.float32(1e-45), 7, q)  # the quotients overflow to infinity
    np.testing.assert_array_equal(q, [[255, 0, 255, 255, 0, 255, 0, 7]])


@QUICK
@given(seed=SEEDS, Z=ZERO_POINTS, rectified=st.booleans())
def test_requantize_rows_equal_both_laws_channel_by_channel(seed, Z, rectified):
    rng = np.random.default_rng(seed)
    acc, b = accumulators(rng, 9, 6), accumulators(rng, 1, 6)[0]
    M, low = 2.0 ** rng.uniform(-30, 1, 6), Z if rectified else 0
    sums = acc.astype(np.int64) + b
    q = np.empty(acc.shape, np.uint8)

    M0, shift = quantize_multiplier(M)
    kernels.requantize_rows_fixed(acc, b, M0, shift, Z, low, 255, q)
    np.testing.assert_array_equal(q, requantize_fixed_reference(sums, M0, shift, Z, low, 255))

    kernels.requantize_rows_float(acc, b, M.astype(np.float32), Z, low, 255, q)
    np.testing.assert_array_equal(q, requantize_float_reference(sums, M.astype(np.float32), Z, low, 255))


def test_requantize_rows_worked_by_hand():
    # (acc + b) M + Z with M = 1/4 and 1/2: 12/4 + 10, 40/2 + 10; −100/4 + 10 and −100/2 + 10; 2000/4 + 10
    acc, b = np.int32([[10, 42], [-102, -98], [1998, 0]]), np.int32([2, -2])
    q = np.empty((3, 2), np.uint8)
    for low, expected in (0, [[13, 30], [0, 0], [255, 9]]), (10, [[13, 30], [10, 10], [255, 10]]):
        kernels.requantize_rows_fixed(acc, b, *quantize_multiplier(np.array([0.25, 0.5])), 10, low, 255, q)
        np.testing.assert_array_equal(q, expected)
        kernels.requantize_rows_float(acc, b, np.float32([0.25, 0.5]), 10, low, 255, q)
        np.testing.assert_array_equal(q, expected)


@QUICK
@given(seed=SEEDS, Z=st.tuples(ZERO_POINTS, ZERO_POINTS, ZERO_POINTS), rectified=st.booleans())
def test_add_rows_equal_both_laws(seed, Z, rectified):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 256, (2, 8, 5)).astype(np.uint8)
    S1, S2, S3 = 10.0 ** rng.uniform(-2, 1, 3)
    low, q = Z[2] if rectified else 0, np.empty(x.shape, np.uint8)

    M0, shift = add_fixed_parameters(S1, S2, S3)
    kernels.add_rows_fixed(x, y, Z[0], Z[1], M0, shift, Z[2], low, 255, q)
    np.testing.assert_array_equal(q, add_fixed_reference(x, y, Z[0], Z[1], M0, shift, Z[2], low, 255))

    M1, M2 = multiplier(S1, 1, S3, np.float32), multiplier(S2, 1, S3, np.float32)
    kernels.add_rows_float(x, y, Z[0], Z[1], M1, M2, Z[2], low, 255, q)
    np.testing.assert_array_equal(q, add_float_reference(x, y, Z[0], Z[1], M1, M2, Z[2], low, 255))


def test_add_rows_worked_by_hand():
    # 0.5 (q1 − 10) + 2 (q2 − 100) in steps of 1 from Z = 50: 0.5·4 + 2·3 + 50; 0.5·(−10) + 2·(−100) + 50; 0.5·245 + 2·155 + 50
    x, y, q = np.uint8([[14, 0, 255]]), np.uint8([[103, 0, 255]]), np.empty((1, 3), np.uint8)
    for low, expected in (0, [[58, 0, 255]]), (50, [[58, 50, 255]]):
        kernels.add_rows_fixed(x, y, 10, 100, *add_fixed_parameters(0.5, 2, 1), 50, low, 255, q)
        np.testing.assert_array_equal(q, expected)
        kernels.add_rows_float(x, y, 10, 100, np.float32(0.5), np.float32(2), 50, low, 255, q)
        np.testing.assert_array_equal(q, expected)


@pytest.mark.parametrize("kernel, stride, padding", [
    ((2, 2), (2, 2), (0, 0)), ((3, 3), (1, 1), (1, 1)), ((3, 2), (2, 1), (1, 0)), ((1, 1), (3, 3), (0, 0)),
    ((4, 5), (3, 2), (2, 2)),
])
@pytest.mark.parametrize("Z", [0, 3, 255])
def test_sum_pool_adds_what_the_windows_hold_of_the_image(kernel, stride, padding, Z):
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
    kernels.sum_pool2d(x, Z, kh, kw, sh, sw, ph, pw, acc)
    np.testing.assert_array_equal(acc, expected)
