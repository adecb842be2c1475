import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_sums_agree, every_other_reversed, fortran_ordered

from nnlite.kernels import matmul, matmul_int8, pack_int8
from nnlite.kernels.matmul import _matmul_strided, matmul_int8_reference, matmul_reference

sizes = st.integers(0, 20) | st.sampled_from([31, 32, 33, 64, 65, 100])
shapes = st.tuples(sizes, sizes, sizes)
seeds = st.integers(0, 2**32 - 1)


def test_the_reference_equals_a_product_done_by_hand():
    a, b = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[1, 0], [-1, 2], [0, 1]])
    expected = [[-1, 7], [-1, 16]]
    assert matmul_reference(a, b).tolist() == expected
    assert matmul_int8_reference(a.astype(np.uint8), b.astype(np.int8)).tolist() == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=50)
@given(shapes, seeds)
def test_matmul_equals_its_reference(dtype, shape, seed):
    M, K, N = shape
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((M, K)).astype(dtype), rng.standard_normal((K, N)).astype(dtype)
    c = matmul(a, b)
    assert c.dtype == dtype and c.flags.c_contiguous
    a, b = a.astype(np.float64), b.astype(np.float64)
    assert_sums_agree(c, matmul_reference(a, b), matmul_reference(abs(a), abs(b)), K)


@pytest.mark.parametrize("view_b", [np.asarray, fortran_ordered, every_other_reversed])
@pytest.mark.parametrize("view_a", [np.asarray, fortran_ordered, every_other_reversed])
@pytest.mark.parametrize("shape", [(1, 1, 1), (9, 5, 33), (17, 40, 3)])
def test_matmul_takes_any_strides(shape, view_a, view_b):
    M, K, N = shape
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((M, K)), rng.standard_normal((K, N))
    np.testing.assert_array_equal(matmul(view_a(a), view_b(b)), matmul(a, b))


def test_matmul_takes_one_row_repeated_by_a_stride_of_0():
    a, b = np.broadcast_to(np.arange(5.0), (9, 5)), np.arange(15.0).reshape(5, 3)
    assert matmul(a, b).tolist() == [[90, 100, 110]] * 9  # Σ k·3k, Σ k(3k + 1), Σ k(3k + 2)


def test_one_compiled_version_serves_a_and_its_transpose():
    a = np.ones((10, 10))
    matmul(a, a)
    before = len(_matmul_strided.signatures)
    matmul(a.T, a)
    matmul(a[::2, ::2], a[:5])
    assert len(_matmul_strided.signatures) == before


@settings(deadline=None, max_examples=50)
@given(shapes, seeds)
def test_four_consecutive_k_lie_side_by_side_and_zeros_fill_the_last_four(shape, seed):
    _, K, N = shape
    w = np.random.default_rng(seed).integers(-128, 128, (K, N), np.int8)
    packed = pack_int8(w)
    assert packed.shape == ((K + 3) // 4, N, 4) and packed.flags.c_contiguous
    for k in range(4 * packed.shape[0]):
        np.testing.assert_array_equal(packed[k // 4, :, k % 4], w[k] if k < K else 0)


@settings(deadline=None, max_examples=50)
@given(shapes, seeds)
def test_int8_matmul_equals_its_reference_bit_for_bit(shape, seed):
    M, K, N = shape
    rng = np.random.default_rng(seed)
    a, w = rng.integers(0, 256, (M, K), np.uint8), rng.integers(-128, 128, (K, N), np.int8)
    a[rng.random((M, K)) < 0.3] = 255
    w[rng.random((K, N)) < 0.3] = rng.choice([-128, 127])
    c = np.full((M, N), -1, np.int32)
    matmul_int8(a, pack_int8(w), c)
    np.testing.assert_array_equal(c, matmul_int8_reference(a, w))


@pytest.mark.parametrize(("K", "weight"), [(66_311, 127), (66_311, -127), (65_793, -128)])
def test_int8_matmul_is_exact_up_to_the_largest_k(K, weight):
    a, w, c = np.full((1, K), 255, np.uint8), np.full((K, 1), weight, np.int8), np.empty((1, 1), np.int32)
    matmul_int8(a, pack_int8(w), c)
    assert c.item() == 255 * weight * K


@pytest.mark.parametrize("shape", [(67, 50, 130), (3, 500, 200)])
def test_the_number_of_threads_changes_no_bit(threads, shape):
    M, K, N = shape
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((M, K), np.float32), rng.standard_normal((K, N), np.float32)
    q, w, c = rng.integers(0, 256, (M, K), np.uint8), rng.integers(-128, 128, (K, N), np.int8), np.empty((M, N), np.int32)
    results = []
    for count in (1, 2):
        threads(count)
        matmul_int8(q, pack_int8(w), c)
        results.append((matmul(a, b).tobytes(), c.tobytes()))
    assert results[0] == results[1]
