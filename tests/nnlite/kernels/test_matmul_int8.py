import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integers import operands

from nnlite.kernels.loops.matmul_int8 import matmul_int8_formula

rows = st.integers(0, 20) | st.integers(30, 100)
sizes = st.integers(0, 20) | st.sampled_from([31, 32, 33, 63, 64, 65, 100, 128])
shapes = st.tuples(rows, sizes, sizes)
seeds = st.integers(0, 2**32 - 1)


def test_the_reference_equals_a_product_done_by_hand():
    a, w = np.array([[1, 2, 3], [4, 5, 6]], np.uint8), np.array([[1, 0], [-1, 2], [0, 1]], np.int8)
    assert matmul_int8_formula(a, w).tolist() == [[-1, 7], [-1, 16]]
    assert matmul_int8_formula(np.uint8([[255, 200]]), np.int8([[-128], [127]])).tolist() == [[255 * -128 + 200 * 127]]


@settings(deadline=None, max_examples=50)
@given(shapes, seeds)
def test_int8_matmul_equals_its_reference_bit_for_bit(shelf, shape, seed):
    M, K, N = shape
    a, w, c = operands(np.random.default_rng(seed), M, K, N)
    shelf.matmul_int8(a, shelf.pack_int8(w), c)
    np.testing.assert_array_equal(c, matmul_int8_formula(a, w))


@pytest.mark.parametrize("shape", [(1, 64, 33), (7, 20, 5), (19, 64, 70), (19, 68, 31), (9, 21, 33)])
def test_int8_matmul_reads_rows_that_lie_apart_and_no_byte_past_them(shelf, before_a_wall, shape):
    M, K, N = shape
    rng = np.random.default_rng(0)
    wide, w = before_a_wall(rng.integers(0, 256, (M, 128), np.uint8)), rng.integers(-128, 128, (K, N), np.int8)
    packed, c = shelf.pack_int8(w), before_a_wall(np.full((M, N), -1, np.int32))
    for a in (wide[:, :K], wide[:, 128 - K :], before_a_wall(wide[:, :K])):
        shelf.matmul_int8(a, packed._replace(numbers=before_a_wall(packed.numbers)), c)
        np.testing.assert_array_equal(c, matmul_int8_formula(a, w))


@pytest.mark.parametrize(("K", "weight"), [(66_311, 127), (66_311, -127), (65_793, -128)])
def test_int8_matmul_is_exact_up_to_the_largest_k(shelf, K, weight):
    a, w, c = np.full((1, K), 255, np.uint8), np.full((K, 1), weight, np.int8), np.empty((1, 1), np.int32)
    shelf.matmul_int8(a, shelf.pack_int8(w), c)
    assert c.item() == 255 * weight * K
