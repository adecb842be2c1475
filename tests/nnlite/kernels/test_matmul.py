import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_sums_agree, every_other_reversed, fortran_ordered

from nnlite.kernels.loops.matmul import matmul_formula

sizes = st.integers(0, 20) | st.sampled_from([31, 32, 33, 64, 65, 100])
views = st.sampled_from([np.asarray, fortran_ordered, every_other_reversed])
shapes = st.tuples(sizes, sizes, sizes)
seeds = st.integers(0, 2**32 - 1)


def test_the_reference_equals_a_product_done_by_hand():
    a, b = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[1, 0], [-1, 2], [0, 1]])
    assert matmul_formula(a, b).tolist() == [[-1, 7], [-1, 16]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=80)
@given(shapes, views, views, st.booleans(), seeds)
def test_matmul_of_any_strides_equals_its_reference(shelf, dtype, shape, view_a, view_b, has_bias, seed):
    M, K, N = shape
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((M, K)).astype(dtype), rng.standard_normal((K, N)).astype(dtype)
    bias = every_other_reversed(rng.standard_normal(N).astype(dtype)) if has_bias else None
    c = shelf.matmul(view_a(a), view_b(b), bias)
    assert c.dtype == dtype and c.flags.c_contiguous
    a, b, bias = a.astype(np.float64), b.astype(np.float64), np.float64(bias if has_bias else 0)
    assert_sums_agree(c, matmul_formula(a, b) + bias, matmul_formula(abs(a), abs(b)) + abs(bias), K + 1)


@pytest.mark.parametrize("view_b", [np.asarray, fortran_ordered])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_of_the_product_has_the_same_bits_whatever_rows_are_with_it(shelf, dtype, view_b):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((40, 70)).astype(dtype), view_b(rng.standard_normal((70, 75)).astype(dtype))
    all_rows = shelf.matmul(a, b)
    for M in range(1, 21):
        assert shelf.matmul(a[:M], b).tobytes() == all_rows[:M].tobytes()
        assert shelf.matmul(a[40 - M :], b).tobytes() == all_rows[40 - M :].tobytes()


@pytest.mark.parametrize("shape", [(3, 5, 33), (17, 5, 70), (20, 9, 1)])
def test_no_number_past_the_operands_is_read(shelf, before_a_wall, shape):
    M, K, N = shape
    a, b, bias = (before_a_wall(np.ones(s, np.float32)) for s in ((M, K), (K, N), (N,)))
    assert (shelf.matmul(a, b, bias) == K + 1).all()
    b = before_a_wall(np.ones((N, K), np.float32)).T
    assert (shelf.matmul(a, b, bias) == K + 1).all()


def test_matmul_takes_one_row_repeated_by_a_stride_of_0(shelf):
    a, b = np.broadcast_to(np.arange(5.0), (9, 5)), np.arange(15.0).reshape(5, 3)
    assert shelf.matmul(a, b).tolist() == [[90, 100, 110]] * 9  # Σ k·3k, Σ k(3k + 1), Σ k(3k + 2)
