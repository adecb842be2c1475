import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_sums_agree

from nnlite.kernels.fast.matmul import matmul_reference
from nnlite.kernels.fast.matmul_int8 import matmul_int8_reference
from nnlite.kernels.loops.matmul import matmul_int8_loops, matmul_loops

sizes, seeds = st.integers(0, 20), st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=25)
@given(sizes, sizes, sizes, seeds)
def test_the_loops_in_float32_equal_the_formula(M, K, N, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((M, K)).astype(np.float32), rng.standard_normal((K, N)).astype(np.float32)
    c = np.full((M, N), np.nan, np.float32)
    assert matmul_loops(a, b, c) is c
    a, b = a.astype(np.float64), b.astype(np.float64)
    assert_sums_agree(c, matmul_reference(a, b), matmul_reference(abs(a), abs(b)), K)


@settings(deadline=None, max_examples=25)
@given(sizes, sizes, sizes, seeds)
def test_the_loops_in_int8_equal_the_formula_bit_for_bit(M, K, N, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 256, (M, K), np.uint8), rng.integers(-128, 128, (K, N), np.int8)
    c = np.full((M, N), -1, np.int32)
    assert matmul_int8_loops(a, b, c) is c
    np.testing.assert_array_equal(c, matmul_int8_reference(a, b))


def test_the_loops_in_int8_neither_wrap_nor_saturate():
    a, b, c = np.full((1, 1000), 255, np.uint8), np.full((1000, 2), -128, np.int8), np.empty((1, 2), np.int32)
    assert matmul_int8_loops(a, b, c).tolist() == [[-32_640_000, -32_640_000]]
