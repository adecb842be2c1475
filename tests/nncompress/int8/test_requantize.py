import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numba import njit

from nncompress.int8 import requantize as parameters
from nnlite.kernels.fast import requantize as kernels
from nnlite.kernels.loops import requantize as reference
from nnlite.kernels.simd.vector import lanes, load, load_bytes, store, wide

QUICK = settings(deadline=None, max_examples=50)
INT32 = st.integers(-(2**31), 2**31 - 1)
SHIFTS = st.integers(-31, 30)
MULTIPLIERS = st.integers(2**30, 2**31 - 1)


def pairs(x, y):
    """Two lists of one length: less than a register holds, more, and several registers full."""
    return st.lists(st.tuples(x, y), min_size=1, max_size=40).map(lambda both: np.array(both, np.int64).T)


# ---- the laws once more, in exact fractions


def half_up(x):
    return math.floor(x + Fraction(1, 2))


def half_away_from_zero(x):
    return half_up(x) if x >= 0 else -half_up(-x)


def clamp(x, low, high):
    return max(low, min(high, x))


def multiply_exactly(x, M0, shift):
    shifted = clamp(x * 2 ** max(shift, 0), -(2**31), 2**31 - 1)
    product = half_up(Fraction(shifted * M0, 2**31))
    return half_away_from_zero(Fraction(product, 2 ** max(-shift, 0)))


def nearest_float32(x):
    """The fraction x rounded to 24 significant bits; Python's round goes to even."""
    step = Fraction(1)
    while abs(x) >= 2**24 * step:
        step *= 2
    while x and abs(x) < 2**23 * step:
        step /= 2
    return round(x / step) * step


def requantize_float_exactly(acc, M, Z, low, high):
    y = nearest_float32(nearest_float32(Fraction(acc)) * Fraction(float(M)))
    return Z + round(clamp(y, Fraction(low - Z), Fraction(high - Z)))


def quantize_multiplier_exactly(M):
    m, shift = Fraction(M), 0
    while m >= 1:
        m, shift = m / 2, shift + 1
    while m < Fraction(1, 2):
        m, shift = m * 2, shift - 1
    M0 = half_up(m * 2**31)
    return (M0, shift) if M0 < 2**31 else (M0 // 2, shift + 1)


def random_accumulators(rng, n):
    """int32 of all magnitudes, both signs, and the extremes."""
    acc = rng.integers(-(2**31), 2**31, n) >> rng.integers(0, 31, n)
    acc[:5] = 0, 1, -1, 2**31 - 1, -(2**31)
    return acc.astype(np.int32)


@njit
def in_registers(function, x, y, z):
    for i in range(0, len(x), lanes(z)):
        at, left = 4 * i, len(x) - i
        store(z.ctypes.data + at, function(load(x, x.ctypes.data + at, left), load(y, y.ctypes.data + at, left)), left)


def through_registers(function, x, y):
    """function(x, y) of two vectors of int32, for any number of them; what lies behind is left alone."""
    z = np.full(len(x) + 20, 77, np.int32)
    in_registers(function, np.int32(x), np.int32(y), z)
    assert (z[len(x) :] == 77).all()
    return z[: len(x)].tolist()


# ---- the float law


def test_the_multiplier_is_taken_from_left_to_right_in_its_type():
    S1, S2, S3 = np.float32(0.1), np.float32([0.2, 0.3]), np.float32(0.7)
    M = parameters.multiplier(S1, S2, S3, np.float32)
    assert M.dtype == np.float32
    for o in range(2):
        product = nearest_float32(Fraction(float(S1)) * Fraction(float(S2[o])))
        assert Fraction(float(M[o])) == nearest_float32(product / Fraction(float(S3)))
        assert parameters.multiplier(S1, S2, S3, np.float64)[o] == float(S1) * float(S2[o]) / float(S3)


@QUICK
@given(acc=INT32, M=st.floats(2.0**-30, 2.0, width=32), Z=st.integers(0, 255))
def test_the_float_law_equals_its_formula_in_fractions(acc, M, Z):
    for low, high in (0, 255), (Z, 255):                                       # without and with a ReLU
        expected = requantize_float_exactly(acc, M, Z, low, high)
        assert reference.requantize_float_formula(np.array([acc]), np.float32(M), Z, low, high) == expected


def test_the_float_law_rounds_halves_to_even_before_it_adds_the_zero_point():
    acc = np.array([4, 12, 20, -4, -12, -20])                                   # 0.5, 1.5, 2.5, ...
    np.testing.assert_array_equal(reference.requantize_float_formula(acc, 0.125, 0, -128, 127), [0, 2, 2, 0, -2, -2])
    np.testing.assert_array_equal(reference.requantize_float_formula(acc, 0.125, 1, -128, 127), [1, 3, 3, 1, -1, -1])


def test_the_float_law_rounds_the_product_to_float32_first():
    M = np.float32(0.1)                                                         # 0.1000000015, and yet 5 M is 0.5
    np.testing.assert_array_equal(reference.requantize_float_formula([5, 15, 25, -5], M, 0, -128, 127), [0, 2, 2, 0])


# ---- the parts of the fixed law


SRDHM_BY_HAND = [
    (1, 2**30, 1), (-1, 2**30, 0),                          # ±0.5 goes up
    (3, 2**30, 2), (-3, 2**30, -1),                         # ±1.5
    (5, 2**29, 1), (-5, 2**29, -1),                         # ±1.25
    (7, 2**29, 2), (-7, 2**29, -2),                         # ±1.75
    (2**31 - 1, 2**31 - 1, 2**31 - 2),                      # 2^31 − 2 + 2^−31
    (-(2**31), 2**31 - 1, -(2**31) + 1),
    (5, 0, 0), (-(2**31), 0, 0),
    (-(2**31), -(2**31), 2**31 - 1),                        # 2^31 saturates
    (0, -5, 0),
]


def test_high_multiply_of_numbers_worked_by_hand():
    a, b, expected = np.array(SRDHM_BY_HAND).T
    assert reference.saturating_rounding_doubling_high_multiply_formula(a, b).tolist() == expected.tolist()
    a, b, expected = a[b >= 0], b[b >= 0], expected[b >= 0]  # no multiplier is negative
    assert through_registers(kernels.rounding_doubling_high_multiply, a, b) == expected.tolist()


@QUICK
@given(pairs(INT32, INT32))
def test_high_multiply_is_the_product_over_two_to_the_31_with_halves_up(ab):
    a, b = ab
    expected = [min(half_up(Fraction(x * y, 2**31)), 2**31 - 1) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    assert reference.saturating_rounding_doubling_high_multiply_formula(a, b).tolist() == expected


@QUICK
@given(pairs(INT32, MULTIPLIERS | st.integers(0, 2**31 - 1)))
def test_the_kernels_high_multiply_is_the_product_over_two_to_the_31_with_halves_up(x_M0):
    x, M0 = x_M0
    expected = [half_up(Fraction(a * b, 2**31)) for a, b in zip(x.tolist(), M0.tolist(), strict=True)]
    assert through_registers(kernels.rounding_doubling_high_multiply, x, M0) == expected


DIVISIONS_BY_HAND = [
    (5, 2, 1), (6, 2, 2), (7, 2, 2), (-5, 2, -1), (-6, 2, -2), (-7, 2, -2),         # ±1.5 goes away from zero
    (1, 1, 1), (-1, 1, -1), (3, 0, 3), (-3, 0, -3),
    (2**30, 31, 1), (-(2**30), 31, -1), (2**30 - 1, 31, 0), (1 - 2**30, 31, 0), (-(2**31), 31, -1),
    (-(2**31), 0, -(2**31)), (2**31 - 1, 0, 2**31 - 1), (2**31 - 1, 1, 2**30), (-(2**31), 1, -(2**30)),
]


def test_rounding_division_of_numbers_worked_by_hand():
    x, n, expected = np.array(DIVISIONS_BY_HAND).T
    assert reference.rounding_divide_by_power_of_two_formula(x, n).tolist() == expected.tolist()
    assert through_registers(kernels.rounding_divide_by_power_of_two, x, n) == expected.tolist()


@QUICK
@given(pairs(INT32, st.integers(0, 31)))
def test_rounding_division_sends_halves_away_from_zero(xn):
    x, n = xn
    expected = [half_away_from_zero(Fraction(a, 2**b)) for a, b in zip(x.tolist(), n.tolist(), strict=True)]
    assert reference.rounding_divide_by_power_of_two_formula(x, n).tolist() == expected
    assert through_registers(kernels.rounding_divide_by_power_of_two, x, n) == expected


@njit
def twice_x_shifted_left(x, left):
    return kernels.shift_left(wide(x) + wide(x), left)


@QUICK
@given(pairs(INT32 | st.integers(-9, 9), st.integers(0, 30)))
def test_a_left_shift_takes_sums_beyond_int32_and_stops_at_its_ends(x_left):
    x, left = x_left
    expected = [clamp(2 * a * 2**b, -(2**31), 2**31 - 1) for a, b in zip(x.tolist(), left.tolist(), strict=True)]
    assert through_registers(twice_x_shifted_left, x, left) == expected


@pytest.mark.parametrize("M, M0, shift", [
    (0.5, 2**30, 0), (1 / 8, 2**30, -2), (0.75, 3 * 2**29, 0), (1.0, 2**30, 1), (3.0, 3 * 2**29, 2),
    (1 - 2.0**-40, 2**30, 1),                               # rounds up to 2^31: halved
    (1 - 2.0**-31, 2**31 - 1, 0),
    (0.0, 0, 0), (2.0**-32, 2**30, -31), (2.0**-33, 0, 0),
])
def test_quantize_multiplier_of_numbers_worked_by_hand(M, M0, shift):
    assert parameters.quantize_multiplier(M) == (M0, shift)


@QUICK
@given(M=st.lists(st.floats(2.0**-31, 2.0**29), min_size=1, max_size=5))
def test_quantize_multiplier_keeps_31_bits(M):
    M0, shift = parameters.quantize_multiplier(M)
    assert M0.dtype == shift.dtype == np.int32
    for i, value in enumerate(M):
        assert (M0[i], shift[i]) == quantize_multiplier_exactly(value)
        kept = Fraction(int(M0[i]), 2**31) * Fraction(2) ** int(shift[i])
        assert abs(kept - Fraction(value)) <= Fraction(value) / 2**31


@pytest.mark.parametrize("M", [-0.5, np.nan, np.inf, 2.0**30])
def test_quantize_multiplier_refuses_what_it_cannot_represent(M):
    with pytest.raises(ValueError, match=rf"factors must lie in \[0, 2\^30\), got {M}"):
        parameters.quantize_multiplier(M)


# ---- the fixed law


@QUICK
@given(x=INT32, M0=MULTIPLIERS, shift=SHIFTS)
def test_the_fixed_product_equals_its_formula_in_fractions(x, M0, shift):
    assert reference.multiply_by_quantized_multiplier_formula(x, M0, shift) == multiply_exactly(x, M0, shift)


@QUICK
@given(INT32, MULTIPLIERS, SHIFTS)
@example(7984, 1583594044, -9)  # 11.497…, where two roundings give 12
def test_the_product_rounded_once_equals_its_formula_in_fractions(x, M0, shift):
    shifted = clamp(x * 2 ** max(shift, 0), -(2**31), 2**31 - 1)
    expected = half_up(Fraction(shifted * M0, 2 ** (31 + max(-shift, 0))))
    assert reference.multiply_once_formula(x, M0, shift) == expected


def test_the_fixed_law_equals_its_formula_on_random_accumulators_per_channel():
    rng = np.random.default_rng(0)
    acc = random_accumulators(rng, 2000).reshape(200, 10)
    M0, shift = parameters.quantize_multiplier(2.0 ** rng.uniform(-25, 2, 10))
    for Z, low, high in (0, 0, 255), (131, 0, 255), (131, 131, 255), (-3, -128, 127):
        q = reference.requantize_fixed_formula(acc, M0, shift, Z, low, high)
        for n, o in np.ndindex(acc.shape):
            assert q[n, o] == clamp(Z + multiply_exactly(int(acc[n, o]), int(M0[o]), int(shift[o])), low, high)


@QUICK
@given(acc=INT32, M=st.floats(2.0**-40, 2.0**10))
def test_the_fixed_law_is_within_one_of_the_real_product(acc, M):
    M0, shift = parameters.quantize_multiplier(M)
    assume(-(2**31) <= acc * 2 ** int(max(shift, 0)) < 2**31)                   # it saturates beyond
    product = reference.multiply_by_quantized_multiplier_formula(acc, M0, shift)
    assert abs(int(product) - Fraction(M) * acc) <= 1


@pytest.mark.parametrize("acc, expected", [(7, 21), (-7, -21), (2**31 - 1, 255), (-(2**31), -255)])
def test_a_factor_above_one_shifts_left_first_and_saturates(acc, expected):
    M0, shift = parameters.quantize_multiplier(3.0)
    assert reference.requantize_fixed_formula(acc, M0, shift, 0, -255, 255) == expected


def test_at_one_eighth_the_laws_differ_for_one_accumulator_in_eight():
    acc = np.arange(-1024, 1024)
    float_law = reference.requantize_float_formula(acc, 1 / 8, 0, -255, 255)
    fixed_law = reference.requantize_fixed_formula(acc, *parameters.quantize_multiplier(1 / 8), 0, -255, 255)
    differ = acc[float_law != fixed_law]
    assert len(differ) / len(acc) == 0.125
    assert np.abs(float_law - fixed_law).max() == 1
    # halves between an even number and the next one away from 0: to even, or away
    assert set(differ[differ < 0] % 16) == {12}                                 # −4/8 = −0.5
    # for positive ones also 3/8 and 11/8, which are no halves: 3 · 2^30 / 2^31 = 1.5 → 2, and 2 / 4 = 0.5 → 1
    assert set(differ[differ > 0] % 16) == {3, 4, 11}


# ---- adding two activations


@pytest.mark.parametrize("q1, q2, S3, fixed, floating", [
    (3, 4, 1.0, 7, 7), (3, 4, 2.0, 4, 4), (2, 3, 2.0, 3, 2), (-2, -3, 2.0, -3, -2), (100, 100, 1.0, 127, 127),
])
def test_sums_worked_by_hand(q1, q2, S3, fixed, floating):
    q1, q2 = np.array([q1], np.int8), np.array([q2], np.int8)
    assert reference.add_fixed_formula(q1, q2, 0, 0, *parameters.add_fixed_parameters(1, 1, S3), 0, -128, 127) == fixed
    assert reference.add_float_formula(q1, q2, 0, 0, 1 / S3, 1 / S3, 0, -128, 127) == floating


def random_sums(rng):
    """q1, q2 uint8 (300,), their scales and zero points, and those of the output"""
    q1, q2 = rng.integers(0, 256, (2, 300)).astype(np.uint8)
    return q1, q2, rng.uniform(0.01, 0.1, 3).astype(np.float32), rng.integers(0, 256, 3)


@pytest.mark.parametrize("seed", range(4))
def test_the_fixed_sum_equals_its_formula_in_fractions(seed):
    q1, q2, S, Z = random_sums(np.random.default_rng(seed))
    s1, s2, s3 = (Fraction(float(s)) for s in S)
    T = 2 * max(s1, s2)
    M1, M2, M3 = (quantize_multiplier_exactly(float(m)) for m in (s1 / T, s2 / T, T / (2**20 * s3)))
    M0, shift = parameters.add_fixed_parameters(*S)
    assert (M1, M2, M3) == tuple(zip(M0, shift, strict=True))
    q3 = reference.add_fixed_formula(q1, q2, Z[0], Z[1], M0, shift, Z[2], 0, 255)
    for i in range(len(q1)):
        x1, x2 = int(q1[i] - Z[0]) * 2**20, int(q2[i] - Z[1]) * 2**20
        total = multiply_exactly(x1, *M1) + multiply_exactly(x2, *M2)
        assert q3[i] == clamp(int(Z[2]) + multiply_exactly(total, *M3), 0, 255)


@pytest.mark.parametrize("seed", range(4))
def test_the_float_sum_equals_its_formula_in_fractions(seed):
    q1, q2, S, Z = random_sums(np.random.default_rng(seed))
    M1, M2 = (parameters.multiplier(s, 1, S[2], np.float32) for s in S[:2])
    q3 = reference.add_float_formula(q1, q2, Z[0], Z[1], M1, M2, Z[2], 0, 255)
    for i in range(len(q1)):
        y1 = nearest_float32(int(q1[i] - Z[0]) * Fraction(float(M1)))
        y2 = nearest_float32(int(q2[i] - Z[1]) * Fraction(float(M2)))
        assert q3[i] == clamp(int(Z[2]) + round(nearest_float32(y1 + y2)), 0, 255)


@pytest.mark.parametrize("seed", range(4))
def test_both_sums_are_the_nearest_integers_to_the_real_sum(seed):
    q1, q2, S, Z = random_sums(np.random.default_rng(seed))
    real = ((q1 - Z[0]) * float(S[0]) + (q2 - Z[1]) * float(S[1])) / float(S[2])
    M0, shift = parameters.add_fixed_parameters(*S)
    fixed = reference.add_fixed_formula(q1, q2, Z[0], Z[1], M0, shift, 0, -(2**20), 2**20)
    M1, M2 = S[:2] / S[2]
    floating = reference.add_float_formula(q1, q2, Z[0], Z[1], M1, M2, 0, -(2**20), 2**20)
    M3 = 2 * max(S[0], S[1]) / (2**20 * S[2])
    assert np.abs(fixed - real).max() <= 0.5 + 6 * M3           # two roundings and M0's in each of three products
    assert np.abs(floating - real).max() <= 0.5 + 2.0**-22 * 255 * (M1 + M2)


def test_add_fixed_parameters_says_what_is_wrong():
    with pytest.raises(ValueError, match="scales must be positive, got 0.1, 0.0 and 1.0"):
        parameters.add_fixed_parameters(0.1, 0.0, 1.0)
    with pytest.raises(ValueError, match="output scale 1e-07 is too small for input scales 0.5 and 0.1"):
        parameters.add_fixed_parameters(0.5, 0.1, 1e-7)


# ---- the kernels


@njit
def run_requantize_float(acc, M, Z, low, high, q):
    R, O = acc.shape
    for r in range(R):
        for o in range(0, O, lanes(q)):
            at, left = 4 * (r * O + o), O - o
            x, M_o = load(acc, acc.ctypes.data + at, left), load(M, M.ctypes.data + 4 * o, left)
            store(q.ctypes.data + at, kernels.requantize_float(x, M_o, Z, low, high), left)


@njit
def run_requantize_fixed(acc, M0, left, right, Z, low, high, q):
    R, O = acc.shape
    for r in range(R):
        for o in range(0, O, lanes(q)):
            at, n = 4 * (r * O + o), O - o
            x, M0_o, right_o = (load(acc, acc.ctypes.data + at, n), load(M0, M0.ctypes.data + 4 * o, n),
                                load(right, right.ctypes.data + 4 * o, n))
            x = kernels.shift_left(wide(x), load(left, left.ctypes.data + 4 * o, n))
            store(q.ctypes.data + at, kernels.requantize_fixed(x, M0_o, right_o, Z, low, high), n)


@njit
def run_add_float(q1, q2, Z1, Z2, M1, M2, Z3, low, high, q3):
    for i in range(0, len(q1), lanes(q3)):
        x, y = load_bytes(q3, q1.ctypes.data + i, len(q1) - i), load_bytes(q3, q2.ctypes.data + i, len(q1) - i)
        store(q3.ctypes.data + 4 * i, kernels.add_float(x, y, Z1, Z2, M1, M2, Z3, low, high), len(q1) - i)


@njit
def run_add_fixed(q1, q2, Z1, Z2, M0, right, Z3, low, high, q3):
    for i in range(0, len(q1), lanes(q3)):
        x, y = load_bytes(q3, q1.ctypes.data + i, len(q1) - i), load_bytes(q3, q2.ctypes.data + i, len(q1) - i)
        store(q3.ctypes.data + 4 * i, kernels.add_fixed(x, y, Z1, Z2, M0, right, Z3, low, high), len(q1) - i)


def left_and_right(shift):
    """Powers of two to multiply by, and to divide by."""
    return np.maximum(shift, 0), np.maximum(-np.int32(shift), 0)


@pytest.mark.parametrize("Z, low, high", [(0, 0, 255), (131, 0, 255), (131, 131, 255), (255, 0, 255), (-7, -128, 127)])
@pytest.mark.parametrize("O", [1, 10, 16, 37])
def test_the_requantization_kernels_equal_their_references_bit_for_bit(Z, low, high, O):
    rng = np.random.default_rng(3)
    acc = random_accumulators(rng, 1000 * O).reshape(1000, O)
    acc[-200:] = rng.integers(-300, 300, (200, O))                              # many exact halves
    M = np.concatenate([[1 / 8, 1 / 2, 1.0, 0.1, 3.0, 2.0**-31], 2.0 ** rng.uniform(-31, 29, O)])[:O]
    q = np.empty(acc.shape, np.int32)

    run_requantize_float(acc, M.astype(np.float32), Z, low, high, q)
    np.testing.assert_array_equal(q, reference.requantize_float_formula(acc, M, Z, low, high))

    M0, shift = parameters.quantize_multiplier(M)
    run_requantize_fixed(acc, M0, *left_and_right(shift), Z, low, high, q)
    np.testing.assert_array_equal(q, reference.requantize_fixed_formula(acc, M0, shift, Z, low, high))


@pytest.mark.parametrize("S", [(0.02, 0.03, 0.04), (1.0, 0.5, 2.0), (1e-6, 1.0, 0.7)])
@pytest.mark.parametrize("Z1, Z2, Z3, low", [(3, 250, 99, 99), (255, 0, 7, 0)])
def test_the_sum_kernels_equal_their_references_on_every_pair_of_bytes(S, Z1, Z2, Z3, low):
    q1, q2 = (q.astype(np.uint8).ravel() for q in np.mgrid[:256, :256])
    q3 = np.empty(len(q1), np.int32)

    M1, M2 = (parameters.multiplier(s, 1, S[2], np.float32) for s in S[:2])
    run_add_float(q1, q2, Z1, Z2, np.float32(M1), np.float32(M2), Z3, low, 255, q3)
    np.testing.assert_array_equal(q3, reference.add_float_formula(q1, q2, Z1, Z2, M1, M2, Z3, low, 255))

    M0, shift = parameters.add_fixed_parameters(*S)
    run_add_fixed(q1, q2, Z1, Z2, np.int32(M0), -np.int32(shift), Z3, low, 255, q3)
    np.testing.assert_array_equal(q3, reference.add_fixed_formula(q1, q2, Z1, Z2, M0, shift, Z3, low, 255))


# ---- ONNX Runtime


def run_onnx(text, **inputs):
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    header = '<ir_version: 8, opset_import: ["" : 13, "com.microsoft" : 1]>'
    session = runtime.InferenceSession(onnx.parser.parse_model(header + text).SerializeToString())
    return session.run(None, {name: np.asarray(value) for name, value in inputs.items()})[0]


def random_scales(rng, O, halves):
    """S1, S2 (O,), S3 that fill 8 bits; powers of two if there are to be many exact halves"""
    if halves:
        return np.float32(0.5), np.full(O, 0.25, np.float32), np.float32(2.0 ** rng.integers(6, 9))
    return np.float32(0.02), rng.uniform(0.001, 0.01, O).astype(np.float32), np.float32(rng.uniform(0.3, 0.9))


@pytest.mark.peer
@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_float_law_equals_onnx_runtimes_matmul(seed, halves):
    rng = np.random.default_rng(seed)
    N, K, O = 37, rng.integers(1, 100), 19
    x, w = rng.integers(0, 256, (N, K)).astype(np.uint8), rng.integers(-127, 128, (K, O)).astype(np.int8)
    (Z1, Z3), (S1, S2, S3) = rng.integers(0, 256, 2).astype(np.uint8), random_scales(rng, O, halves)
    y = run_onnx("""g (uint8[N,K] x, float S1, uint8 Z1, int8[K,O] w, float[O] S2, int8[O] Z2, float S3, uint8 Z3)
        => (uint8[N,O] y) { y = QLinearMatMul(x, S1, Z1, w, S2, Z2, S3, Z3) }""",
        x=x, S1=S1, Z1=Z1, w=w, S2=S2, Z2=np.zeros(O, np.int8), S3=S3, Z3=Z3)
    acc = (x.astype(np.int32) - Z1) @ w.astype(np.int32)
    M = parameters.multiplier(S1, S2, S3, np.float32)
    np.testing.assert_array_equal(reference.requantize_float_formula(acc, M, Z3, 0, 255), y)


@pytest.mark.peer
@pytest.mark.parametrize("halves", [False, True])
def test_the_float_law_equals_onnx_runtimes_convolution_with_bias(halves):
    rng = np.random.default_rng(4)
    x, w = rng.integers(0, 256, (2, 5, 9, 9)).astype(np.uint8), rng.integers(-127, 128, (7, 5, 3, 3)).astype(np.int8)
    b = rng.integers(-5000, 5000, 7).astype(np.int32)
    (Z1, Z3), (S1, S2, S3) = rng.integers(0, 256, 2).astype(np.uint8), random_scales(rng, 7, halves)
    y = run_onnx("""g (uint8[N,C,H,W] x, float S1, uint8 Z1, int8[O,C,3,3] w, float[O] S2, int8[O] Z2, float S3,
        uint8 Z3, int32[O] b) => (uint8[N,O,P,Q] y) { y = QLinearConv(x, S1, Z1, w, S2, Z2, S3, Z3, b) }""",
        x=x, S1=S1, Z1=Z1, w=w, S2=S2, Z2=np.zeros(7, np.int8), S3=S3, Z3=Z3, b=b)
    patches = np.lib.stride_tricks.sliding_window_view(x.astype(np.int32) - Z1, (3, 3), (2, 3))
    acc = np.einsum("nchwij,ocij->nhwo", patches, w.astype(np.int32)) + b
    q = reference.requantize_float_formula(acc, parameters.multiplier(S1, S2, S3, np.float32), Z3, 0, 255)
    np.testing.assert_array_equal(q.transpose(0, 3, 1, 2), y)


@pytest.mark.peer
@pytest.mark.parametrize("seed", range(5))
def test_the_float_sum_is_that_of_onnx_runtime_except_next_to_halves(seed):
    q1, q2, S, Z = random_sums(np.random.default_rng(seed))
    q3 = run_onnx("""g (uint8[N] q1, float S1, uint8 Z1, uint8[N] q2, float S2, uint8 Z2, float S3, uint8 Z3)
        => (uint8[N] q3) { q3 = com.microsoft.QLinearAdd(q1, S1, Z1, q2, S2, Z2, S3, Z3) }""",
        q1=q1, q2=q2, S1=S[0], S2=S[1], S3=S[2], **{f"Z{i + 1}": np.uint8(z) for i, z in enumerate(Z)})
    ours = reference.add_float_formula(q1, q2, Z[0], Z[1], S[0] / S[2], S[1] / S[2], Z[2], 0, 255)
    real = ((q1 - Z[0]) * float(S[0]) + (q2 - Z[1]) * float(S[1])) / float(S[2])
    near_half = np.abs(real - np.floor(real) - 0.5) < 1e-3
    np.testing.assert_array_equal(ours[~near_half], q3[~near_half])
    assert np.abs(ours - q3).max() <= 1
