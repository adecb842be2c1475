import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from support import assert_sums_agree

from nnlite.kernels import instructions, matmul, narrow
from nnlite.kernels.narrow import narrow_columns, narrow_product
from nnlite.kernels.simd import LEVEL, LEVELS, host_features

UNTOUCHED = -77
LEVELS_HERE = [level for level in LEVELS if all(host_features().get(need) for need in level.needs)]
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@njit
def run(like, a, a_row, w, w_row, K, c, c_row, M, N):
    narrow_product(like, a, a_row, w, w_row, K, c, c_row, M, N)


def run_on_arrays(a, w, run=run):
    """narrow_product of a (M, K) and w (N, K) into the middle of a larger array, of which only c may be written."""
    (M, K), N = a.shape, len(w)
    frame = np.full((M + 2, N + 5), UNTOUCHED, a.dtype)
    c = frame[1:-1, 2:-3]
    run(a.reshape(-1), a.ctypes.data, a.strides[0], w.ctypes.data, w.strides[0], K, c.ctypes.data, c.strides[0], M, N)
    result = c.copy()
    c[...] = UNTOUCHED
    assert (frame == UNTOUCHED).all(), "the product wrote outside of its result"
    return result


def operands(seed, M, K, N, dtype):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((M, K)).astype(dtype), rng.standard_normal((N, K)).astype(dtype)


@FLOATS
@settings(deadline=None, max_examples=80)
@given(st.integers(1, 20), st.integers(0, 70), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_a_product_equals_its_formula(dtype, M, K, N, seed):
    a, w = operands(seed, M, K, N, dtype)
    wide_a, wide_w = a.astype(np.float64), w.astype(np.float64)
    assert_sums_agree(run_on_arrays(a, w), wide_a @ wide_w.T, abs(wide_a) @ abs(wide_w).T, K + LEVEL.vector_bytes)


@FLOATS
def test_sums_add_up_in_each_lane_and_then_neighbours_in_pairs(dtype):
    """In numbers so large and so unlike that another order of the sums would give another result."""
    lanes = LEVEL.vector_bytes // np.dtype(dtype).itemsize
    rng = np.random.default_rng(0)
    a = 10.0 ** rng.integers(-6, 7, (11, 5 * lanes)) * rng.choice([-1, 1], (11, 5 * lanes))
    a, ones = a.astype(dtype), np.ones((1, 5 * lanes), dtype)
    sums = np.zeros((11, lanes), dtype)
    for k in range(0, 5 * lanes, lanes):
        sums += a[:, k : k + lanes]
    while sums.shape[1] > 1:
        sums = sums[:, ::2] + sums[:, 1::2]
    assert run_on_arrays(a, ones).tobytes() == sums.tobytes()


@FLOATS
def test_a_result_has_the_same_bits_whatever_rows_and_columns_are_with_it(dtype):
    a, w = operands(0, 19, 50, 7, dtype)
    together = run_on_arrays(a, w)
    for m in range(19):
        for n in range(7):
            assert run_on_arrays(a[m:], w[: n + 1])[0, n] == together[m, n] == run_on_arrays(a[m : m + 1], w[n:])[0, 0]


@FLOATS
@pytest.mark.parametrize("M, K, N", [(1, 1, 1), (8, 16, 2), (9, 33, 3), (20, 31, 8)])
def test_no_byte_past_the_operands_is_read_or_written(before_a_wall, dtype, M, K, N):
    a, w, c = (before_a_wall(np.ones(shape, dtype)) for shape in ((M, K), (N, K), (M, N)))
    run(a.reshape(-1), a.ctypes.data, a.strides[0], w.ctypes.data, w.strides[0], K, c.ctypes.data, c.strides[0], M, N)
    assert (c == K).all()


@pytest.mark.parametrize("level", LEVELS_HERE, ids=lambda level: level.name)
def test_every_level_gives_the_same_sums(monkeypatch, level):
    for module in (instructions, narrow):
        monkeypatch.setattr(module, "LEVEL", level)
    rng = np.random.default_rng(0)
    a, w = (rng.integers(-9, 10, (rows, 37)).astype(np.float32) for rows in (10, 5))  # whole numbers: exact

    @njit
    def product(like, a, a_row, w, w_row, K, c, c_row, M, N):
        narrow_product(like, a, a_row, w, w_row, K, c, c_row, M, N)

    np.testing.assert_array_equal(run_on_arrays(a, w, product), a @ w.T)


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)])
def test_columns_are_narrow_that_leave_three_eighths_of_a_register_empty_under_a_long_sum(dtype):
    lanes = LEVEL.vector_bytes // dtype.itemsize
    widest = 5 * lanes // 8

    def answer(K, N):
        return narrow_columns(K, N, dtype.itemsize)

    assert answer(lanes, 1) == answer(lanes, 5 * lanes + 1) == 1
    assert answer(lanes * widest, widest) == answer(lanes * widest, lanes + widest) == widest
    assert answer(100 * lanes, 2 * lanes) == answer(100 * lanes, lanes + widest + 1) == answer(lanes - 1, 1) == 0


@FLOATS
@pytest.mark.parametrize("registers", [0, 1, 2, 3])
def test_matmul_takes_it_for_the_last_columns_whatever_the_layout_of_b(dtype, registers):
    lanes = LEVEL.vector_bytes // np.dtype(dtype).itemsize
    rest = 5 * lanes // 8
    N = registers * lanes + rest
    a, w = operands(0, 40, 2 * lanes * rest + 1, N, dtype)
    wide, narrow = matmul(a, w[:-rest].T).tobytes(), run_on_arrays(a, w[-rest:]).tobytes()
    for b in (w.T, np.ascontiguousarray(w.T), np.repeat(w.T, 2, axis=0)[::2], np.repeat(w, 2, axis=1).T[::2]):
        c = matmul(a, b)
        assert (c[:, :-rest].tobytes(), c[:, -rest:].tobytes()) == (wide, narrow)


def test_matmul_of_a_transposed_array_does_without():
    a, w = operands(0, 40, 100, 2, np.float32)
    np.testing.assert_allclose(matmul(np.asfortranarray(a), w.T), a @ w.T, rtol=1e-4, atol=1e-4)
