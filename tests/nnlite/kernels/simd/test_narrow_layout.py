import numpy as np
import pytest
from narrow_layouts import FLOATS, laid_out, lanes_of
from numba import njit

from nnlite.kernels.simd.narrow import laid_out_size
from nnlite.kernels.simd.narrow_layout import lay_out_columns, lay_out_narrow

UNTOUCHED = -77


@njit
def run_layout(like, b, outer, row, step, P, K, N, target):
    lay_out_columns(like, b, outer, row, step, P, K, N, target)


@FLOATS
@pytest.mark.parametrize("P, K, N", [(1, 1, 1), (2, 5, 3), (3, 16, 8), (1, 37, 7), (2, 20, 11), (1, 33, 2)])
def test_columns_are_laid_out_from_rows_and_from_columns(before_a_wall, dtype, P, K, N):
    w = np.random.default_rng(0).standard_normal((P, K, N)).astype(dtype)
    expected = laid_out(w, lanes_of(dtype))
    assert len(expected) == P * laid_out_size(K, N, lanes_of(dtype))
    rows, columns = before_a_wall(w), before_a_wall(np.ascontiguousarray(w.swapaxes(1, 2))).swapaxes(1, 2)
    for b in (rows, columns):
        target = before_a_wall(np.full(len(expected), UNTOUCHED, dtype))
        run_layout(target, b.ctypes.data, *b.strides, *b.shape, target.ctypes.data)
        np.testing.assert_array_equal(target, expected)


@FLOATS
def test_the_last_columns_of_an_array_are_laid_out_behind_other_numbers(dtype):
    w = np.random.default_rng(0).standard_normal((2, 9, 20)).astype(dtype)
    expected = laid_out(w[:, :, 17:], lanes_of(dtype))
    target = np.full(5 + len(expected), UNTOUCHED, dtype)
    lay_out_narrow(w, 17, target, 5)
    assert (target[:5] == UNTOUCHED).all()
    np.testing.assert_array_equal(target[5:], expected)
