"""csr: the product against NumPy's in float64, the bytes of the form, and the same bits on any number of threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_sums_agree

from nncompress.sparse import CSR
from nnlite.kernels.fast.sparse import FEW, LANES, WIDTH
from nnlite.kernels.machine.threads import most_threads, set_num_threads

# one x, few, and batches on both sides of one, two and four registers and of a tile
BATCHES = [1, 2, FEW - 1, FEW, LANES, LANES + 1, 2 * LANES + 1, WIDTH, WIDTH + 1]


def sparse_matrix(seed, O, I, sparsity):
    """w (O, I) float32 with about this part of zeros; its last row and, where there are several, its first are empty."""
    rng = np.random.default_rng(seed)
    w = np.where(rng.random((O, I)) < sparsity, 0, rng.standard_normal((O, I))).astype(np.float32)
    if O > 2:
        w[[0, -1]] = 0
    return w


def inputs(seed, B, I):
    return np.random.default_rng(seed + 1).standard_normal((B, I)).astype(np.float32)


def assert_product(y, x, w):
    x, w = x.astype(np.float64), w.astype(np.float64)
    assert y.dtype == np.float32 and y.flags.c_contiguous
    assert_sums_agree(y, x @ w.T, np.abs(x) @ np.abs(w).T, w.shape[1])


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), O=st.integers(1, 140), I=st.integers(1, 90), B=st.sampled_from([0, *BATCHES]),
       sparsity=st.sampled_from([0, 0.5, 0.9, 1]))
def test_the_product_is_that_of_the_dense_matrix(seed, O, I, B, sparsity):
    w, x = sparse_matrix(seed, O, I, sparsity), inputs(seed, B, I)
    assert_product(CSR.from_dense(w).matmul(x), x, w)


@pytest.mark.parametrize("B", range(1, WIDTH + LANES + 2))
def test_a_batch_of_any_size_is_multiplied_whole(B):
    w, x = sparse_matrix(1, 3, 20, 0.5), inputs(1, B, 20)
    assert_product(CSR.from_dense(w).matmul(x), x, w)


def test_two_rows_by_hand():
    sparse = CSR.from_dense(np.float32([[0, 2, 0, -1], [0, 0, 0, 0], [0.5, 0, 0, 0]]))
    x = np.float32([[1, 10, 100, 1000], [4, 3, 2, 1]])
    np.testing.assert_array_equal(sparse.matmul(x), [[-980, 0, 0.5], [5, 0, 2]])


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), O=st.integers(1, 30), I=st.integers(1, 30), sparsity=st.sampled_from([0, 0.5, 0.9, 1]))
def test_to_dense_restores_the_matrix_bit_for_bit(seed, O, I, sparsity):
    w = sparse_matrix(seed, O, I, sparsity)
    restored = CSR.from_dense(w).to_dense()
    assert restored.dtype == np.float32
    np.testing.assert_array_equal(restored, w)


def test_a_weight_takes_six_bytes_and_a_row_four():
    w = np.zeros((5, 65_536), np.float32)
    w[1, 3] = w[1, 65_535] = w[4, 0] = 1
    assert CSR.from_dense(w).nbytes == 3 * (4 + 2) + (5 + 1) * 4
    np.testing.assert_array_equal(CSR.from_dense(w).to_dense(), w)


@pytest.mark.parametrize("B", [1, FEW])
def test_more_columns_than_16_bits_can_count_take_eight_bytes_a_weight(B):
    w = np.zeros((2, 65_537), np.float32)
    w[0, 65_536], w[1, 0], x = 3, 2, np.ones((B, 65_537), np.float32)
    x[:, 65_536] = 7
    sparse = CSR.from_dense(w)
    assert sparse.nbytes == 2 * (4 + 4) + 3 * 4
    np.testing.assert_array_equal(sparse.matmul(x), [[21, 2]] * B)


@pytest.mark.parametrize("B", [1, FEW - 1, 3 * WIDTH + 5])
def test_any_number_of_threads_gives_the_same_bits(B):
    w, x = sparse_matrix(5, 1100, 1300, 0.2), inputs(5, B, 1300)  # 1.1 million entries: enough for the second thread
    sparse, most, results = CSR.from_dense(w), most_threads(), []
    try:
        for threads in range(1, most + 1):
            set_num_threads(threads)
            results.append(sparse.matmul(x))
    finally:
        set_num_threads(most)
    assert all(result.tobytes() == results[0].tobytes() for result in results)
    assert_product(results[0], x, w)


@pytest.mark.parametrize("B", [1, FEW, WIDTH + 1])
def test_nan_and_inf_reach_the_rows_that_store_them_and_no_others(B):
    w = np.float32([[np.nan, 0, 0, 0], [0, np.inf, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 1, 1]])
    x = np.tile(np.float32([1, 2, 3, 4]), (B, 1))
    np.testing.assert_array_equal(CSR.from_dense(w).matmul(x), [[np.nan, np.inf, 3, 0, 7]] * B)
    x[-1] = [1, 2, np.inf, np.nan]
    np.testing.assert_array_equal(CSR.from_dense(w).matmul(x)[-1], [np.nan, np.inf, np.inf, 0, np.nan])
    np.testing.assert_array_equal(CSR.from_dense(w).to_dense(), w)


@pytest.mark.parametrize("B", [1, FEW])
@pytest.mark.parametrize("view", [np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2], lambda x: x[::-1].copy()[::-1]])
def test_matrices_of_any_layout_in_memory_give_the_same_bits(view, B):
    w, x = sparse_matrix(2, 9, 40, 0.5), inputs(2, B, 40)
    expected = CSR.from_dense(w).matmul(x)
    assert CSR.from_dense(view(w)).matmul(view(x)).tobytes() == expected.tobytes()


# ---- errors


def test_only_float32_is_taken():
    with pytest.raises(TypeError, match="CSR.from_dense: w is float64, expects float32"):
        CSR.from_dense(np.ones((2, 3)))
    with pytest.raises(TypeError, match="CSR.matmul: x is float64, expects float32"):
        CSR.from_dense(np.ones((2, 3), np.float32)).matmul(np.ones((1, 3)))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (3,), (2, 3, 4)])
def test_a_matrix_without_rows_or_columns_is_refused(shape):
    with pytest.raises(ValueError, match=r"CSR.from_dense: w has shape \(.*\), expects \(O, I\) with at least one row"):
        CSR.from_dense(np.ones(shape, np.float32))


@pytest.mark.parametrize("shape", [(1, 4), (3,), (1, 1, 3), ()])
def test_an_x_that_does_not_fit_is_refused_with_both_shapes(shape):
    with pytest.raises(ValueError, match=r"CSR.matmul: x has shape \(.*\), w \(2, 3\) expects \(B, 3\)"):
        CSR.from_dense(np.ones((2, 3), np.float32)).matmul(np.ones(shape, np.float32))
