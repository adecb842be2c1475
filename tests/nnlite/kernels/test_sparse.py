"""Products with a sparse weight in both storage forms, on both shelves; threads and layouts are tested in nncompress/sparse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_sums_agree

from nncompress.sparse import CSR, RelativeForm
from nnlite.kernels.loops.sparse import sparse_matmul_formula


def test_the_formula_equals_a_product_done_by_hand():
    x, w = np.array([[1.0, 10, 100], [2, 0, 1]]), np.array([[0.0, 2, 0], [0, 0, 0], [3, 0, 4]])
    assert sparse_matmul_formula(x, w).tolist() == [[20, 0, 403], [0, 0, 10]]
    assert sparse_matmul_formula(x[:0], w).shape == (0, 3)


def products(shelf, w, x):
    """x wᵀ from the CSR form and from the relative form of w, by the kernels of one shelf."""
    y = np.full((2, len(x), len(w)), np.nan, np.float32)
    shelf.csr_matmul(*CSR.from_dense(w).arrays, x, y[0])
    shelf.relative_matmul(*RelativeForm.from_dense(w).arrays, x, y[1])
    return y


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 20), st.integers(1, 400), st.integers(0, 20), st.sampled_from([0, 0.5, 0.99, 1]), st.integers(0, 999))
def test_the_products_of_both_forms_equal_their_formula(shelf, O, I, B, sparsity, seed):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal(31).astype(np.float32)
    w = np.where(rng.random((O, I)) < sparsity, 0, rng.choice(shared, (O, I)))
    x = rng.standard_normal((B, I)).astype(np.float32)
    X, W = x.astype(np.float64), w.astype(np.float64)
    for y in products(shelf, w, x):
        assert_sums_agree(y, sparse_matmul_formula(X, W), sparse_matmul_formula(abs(X), abs(W)), I)


@pytest.mark.parametrize("B", [1, 20])
def test_what_x_holds_where_a_row_has_no_entry_does_not_reach_the_product(shelf, B):
    w, x = np.zeros((2, 600), np.float32), np.full((B, 600), np.inf, np.float32)
    w[1, 599], x[:, 599] = 2, 3  # 599 zeros before it: fillers at 255 and 511
    expected = [[0, 6]] * B
    assert sparse_matmul_formula(x, w).tolist() == expected
    for y in products(shelf, w, x):
        assert y.tolist() == expected
