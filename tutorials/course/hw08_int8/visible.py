"""The tests that students have. int8: scenarios.py, or the grader's link to it."""

import numpy as np
from checking import dtype, same, stored


def products_by_hand(int8, rng):
    a, w = np.array([[255, 255], [1, 0]], np.uint8), np.array([[127, -128], [127, -128]], np.int8)
    for c in (int8.matmul_int8(a, w, np.zeros((2, 2), np.int32)), int8.matmul_int8_formula(a, w)):
        same(c, [[64_770, -65_280], [127, -128]])            # 2 · 255 · 127, 2 · 255 · −128


def products(int8, rng):
    for M, K, N in ((1, 1, 1), (3, 7, 2), (2, 70, 5), (4, 3, 0), (0, 3, 2), (2, 0, 3)):
        a, w = rng.integers(0, 256, (M, K), np.uint8), rng.integers(-128, 128, (K, N)).astype(np.int8)
        want = np.einsum("mk,kn->mn", a.astype(np.float64), w.astype(np.float64))       # exact: far below 2^53
        same(int8.matmul_int8(a, w, rng.integers(-9, 9, (M, N)).astype(np.int32)), want)  # c is not empty before
        same(int8.matmul_int8_formula(a, w), want)
    a, w = rng.integers(0, 256, (7, 3), np.uint8), rng.integers(-128, 128, (2, 7)).astype(np.int8)
    same(int8.transposed_matmul_int8(a, w), np.einsum("km,nk->mn", a.astype(np.float64), w.astype(np.float64)))


def factors(int8, rng):
    for M, M0, shift in ((1 / 8, 2**30, -2), (0.75 / 4, 3 * 2**29, -2), (1.0, 2**30, 1), (0.5, 2**30, 0), (3.0, 3 * 2**29, 2),
                         (1 / 3, 1_431_655_765, -1), (0.0, 0, 0)):
        got = int8.factor(M)
        same(got[0], M0)
        same(got[1], shift)
        assert got[2:] == ("int32", "int32", 0, 0), f"M0 and shift have to be int32 numbers, got {got[2:]}"
    got = int8.factor(np.array([[0.25, 0.3], [0.0, 6.0]]))
    same(got[0], [[2**30, 1_288_490_189], [0, 3 * 2**29]])    # 0.6 · 2^31 = 1,288,490,188.8
    same(got[1], [[-1, -1], [0, 3]])


def float_law(int8, rng):
    acc = np.array([3, 4, 12, -4, 20, 10_000, -10_000], np.int32)
    got = int8.formula("requantize_float_formula", acc, np.float32(1 / 8), 0, -128, 127)
    same(got, [0, 0, 2, 0, 2, 127, -128])                     # 4/8, 12/8, 20/8 are ties: to the even neighbour
    dtype(got, np.int32)
    same(int8.formula("requantize_float_formula", acc, np.float32(1 / 8), 3, 0, 255), [3, 3, 5, 3, 5, 255, 0])
    same(int8.formula("requantize_float_formula", acc, np.float32(1 / 8), 3, 3, 255), [3, 3, 5, 3, 5, 255, 3])  # with a ReLU
    y = np.array([0.5, 1.5, -0.5, -2.5, 1e30, -1e30], np.float32)
    same(int8.formula("round_and_clamp_formula", y, 10, 0, 255), [10, 12, 10, 8, 255, 0])


def two_roundings(int8, rng):
    same(int8.formula("rounding_divide_by_power_of_two_formula", np.array([5, 6, 7, 10, -5, -6, -7, -10]), 2),
         [1, 2, 2, 3, -1, -2, -2, -3])                        # 6/4 and 10/4 are ties: away from zero
    same(int8.formula("rounding_divide_by_power_of_two_formula", np.array([5, -5]), 0), [5, -5])
    same(int8.formula("rounding_divide_by_power_of_two_formula", np.array([6, 6, -6]), np.array([1, 2, 3])), [3, 2, -1])
    same(int8.formula("saturating_rounding_doubling_high_multiply_formula", np.array([3, -3, 5, -5, 2]), np.int64(2**30)),
         [2, -1, 3, -2, 1])                                   # 1.5, −1.5, 2.5, −2.5: a half goes up
    lowest = np.array([-(2**31)])
    same(int8.formula("saturating_rounding_doubling_high_multiply_formula", lowest, lowest), [2**31 - 1])


def fixed_law(int8, rng):
    acc = np.array([3, 4, 12, -4, 10_000, -10_000], np.int32)
    got = int8.formula("requantize_fixed_formula", acc, 2**30, -2, 0, -128, 127)
    same(got, [1, 1, 2, -1, 127, -128])                       # 3 · ½ = 1.5 becomes 2, and 2/4 = 0.5 becomes 1
    dtype(got, np.int32)
    same(int8.formula("requantize_fixed_formula", acc, 2**30, -2, 200, 0, 255), [201, 201, 202, 199, 255, 0])
    same(int8.formula("requantize_fixed_formula", acc, 2**30, -2, 10, 10, 255), [11, 11, 12, 10, 255, 10])
    same(int8.formula("multiply_by_quantized_multiplier_formula", np.array([7984]), 1583594044, -9), [12])
    same(int8.formula("multiply_by_quantized_multiplier_formula", np.array([5, -5]), 3 * 2**29, 2), [15, -15])   # M = 3
    M0, shift = int8.factor(0.05296124517917633 * 0.024093778803944588 / 0.11484327912330627)[:2]
    same(int8.formula("requantize_fixed_formula", np.array([585], np.int32), M0, shift, -126, -128, 127), [-119])
    same(int8.formula("multiply_once_formula", np.array([7984]), 1583594044, -9), [11])      # 11.497…: no first rounding
    same(int8.formula("multiply_once_formula", np.array([5, -5]), 3 * 2**29, 2), [15, -15])
    same(int8.formula("requantize_fixed_formula", acc, 2**30, -2, 0, -128, 127, "once"), [0, 1, 2, 0, 127, -128])


def single_numbers(int8, rng):
    acc = np.array([3, 4, 12, -4, 10_000, -10_000])
    same(int8.single("requantize_float", acc, np.float32(1 / 8), 3, 0, 255), [3, 3, 5, 3, 255, 0])
    same(int8.single("requantize_fixed", acc, np.int32(2**30), 2, 3, 0, 255), [4, 4, 5, 2, 255, 0])
    same(int8.single("requantize_once", acc, np.int32(2**30), 33, 3, 0, 255), [3, 4, 5, 3, 255, 0])
    same(int8.single("multiply", np.array([7984]), np.int32(1583594044), 9), [12])
    same(int8.single("multiply_once", np.array([7984]), np.int32(1583594044), 40), [11])
    same(int8.single("shift_left", np.array([3, -3, 5]), np.array([0, 4, 2])), [3, -48, 20])


def digits(int8, rng):
    """64 → 16 → 10 in integers: every sum of the last layer, by both laws; and its answers, for 120 images."""
    net = stored("integer_network")
    for law in ("fixed", "float"):
        sums = int8.network(net["q"], net["w1"], net["b1"], net["M"], int(net["Z"]), net["w2"], net["b2"], law)
        same(sums, net[law])
        wrong = int((np.argmax(sums * net["scale"], axis=1) != net["labels"]).sum())
        assert wrong <= 10, f"{law}: {wrong} of 120 images wrong"
