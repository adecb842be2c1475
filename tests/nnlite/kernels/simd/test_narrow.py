import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from narrow_layouts import FLOATS, laid_out, lanes_of
from numba import njit
from support import assert_sums_agree

from nnlite.kernels import matmul
from nnlite.kernels.simd import instructions, narrow
from nnlite.kernels.simd.level import LEVEL, LEVELS, host_features
from nnlite.kernels.simd.narrow import VECTORS, make_narrow_tile, narrow_columns, narrow_strip, narrow_width
from nnlite.kernels.simd.tile import Terms

UNTOUCHED = -77
LEVELS_HERE = [level for level in LEVELS if all(host_features().get(need) for need in level.needs)]
seeds = st.integers(0, 2**32 - 1)


@njit
def run(like, terms, a, row, b, c, c_row, M, N):
    narrow_strip(like, terms, a, row, b, c, c_row, M, N)


def terms_of(a):
    """a (M, P, K): P runs of K numbers. The other terms do not count."""
    return Terms(a.shape[1], 1, a.shape[2], a.strides[1], 0, 0, 0, 0, 0)


def run_on_arrays(a, w):
    """narrow_strip of a (M, P, K) and w (P, K, N) into the middle of a larger array, of which only c may be written."""
    M, N = len(a), w.shape[2]
    frame, b = np.full((M + 2, N + 5), UNTOUCHED, a.dtype), laid_out(w, lanes_of(a.dtype))
    c = frame[1:-1, 2:-3]
    run(a.reshape(-1), terms_of(a), a.ctypes.data, a.strides[0], b.ctypes.data, c.ctypes.data, c.strides[0], M, N)
    result = c.copy()
    c[...] = UNTOUCHED
    assert (frame == UNTOUCHED).all(), "the product wrote outside of its result"
    return result


def operands(seed, M, P, K, N, dtype):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((M, P, K)).astype(dtype), rng.standard_normal((P, K, N)).astype(dtype)


@pytest.mark.parametrize("lanes, widths", [(4, [2, 2, 2, 2]), (8, [2, 2, 4, 4, 4]), (16, [2, 2, 4, 4, 8, 8, 8, 8, 8])])
def test_the_narrowest_tile_with_room_is_taken(lanes, widths):
    assert [narrow_width(N, lanes) for N in range(1, len(widths) + 1)] == widths


@FLOATS
@settings(deadline=None, max_examples=80)
@given(st.integers(1, 20), st.integers(1, 3), st.integers(0, 70), st.integers(1, 13), seeds)
def test_a_product_equals_its_formula(dtype, M, P, K, N, seed):
    a, w = operands(seed, M, P, K, N, dtype)
    wide_a, wide_w = a.astype(np.float64), w.astype(np.float64)
    expected, magnitude = np.einsum("mpk,pkn->mn", wide_a, wide_w), np.einsum("mpk,pkn->mn", abs(wide_a), abs(wide_w))
    assert_sums_agree(run_on_arrays(a, w), expected, magnitude, P * K + LEVEL.vector_bytes)


@FLOATS
@pytest.mark.parametrize("width_of_lanes", [2, 4, 8])
def test_sums_add_up_in_each_lane_and_then_neighbours_in_pairs(dtype, width_of_lanes):
    """In numbers so large and so unlike that another order of the sums would give another result."""
    lanes = lanes_of(dtype)
    width = max(VECTORS, lanes // width_of_lanes)
    G, rng = VECTORS * lanes // width, np.random.default_rng(0)
    a = 10.0 ** rng.integers(-6, 7, (11, 2, 5 * G)) * rng.choice([-1, 1], (11, 2, 5 * G))
    a, ones = a.astype(dtype), np.ones((2, 5 * G, width), dtype)
    sums = np.zeros((11, G), dtype)
    for p in range(2):
        for k in range(0, 5 * G, G):
            sums += a[:, p, k : k + G]
    while sums.shape[1] > 1:
        sums = sums[:, ::2] + sums[:, 1::2]
    assert run_on_arrays(a, ones).tobytes() == sums.repeat(width, axis=1).tobytes()


@FLOATS
@pytest.mark.parametrize("N", [1, 3, 7, 11])
def test_a_row_has_the_same_bits_whatever_rows_are_with_it(dtype, N):
    a, w = operands(0, 100, 2, 300, N, dtype)  # so long that columns of two tiles are done in blocks of rows
    together = run_on_arrays(a, w)
    for m in (0, 7, 8, 50, 99):
        assert run_on_arrays(a[m : m + 1], w).tobytes() == together[m].tobytes()
        assert run_on_arrays(a[m:], w)[0].tobytes() == together[m].tobytes()


@FLOATS
@pytest.mark.parametrize("M, P, K, N", [(1, 1, 1, 1), (8, 2, 16, 2), (9, 1, 33, 3), (20, 3, 31, 8), (9, 1, 16, 11)])
def test_no_byte_past_the_operands_is_read_or_written(before_a_wall, dtype, M, P, K, N):
    a, b, c = np.ones((M, P, K), dtype), laid_out(np.ones((P, K, N), dtype), lanes_of(dtype)), np.ones((M, N), dtype)
    a, b, c = before_a_wall(a), before_a_wall(b), before_a_wall(c)
    run(a.reshape(-1), terms_of(a), a.ctypes.data, a.strides[0], b.ctypes.data, c.ctypes.data, c.strides[0], M, N)
    assert (c == P * K).all()


@pytest.mark.parametrize("level", LEVELS_HERE, ids=lambda level: level.name)
@pytest.mark.parametrize("G", [4, 8, 16])
def test_every_level_gives_the_same_sums(monkeypatch, level, G):
    lanes = level.vector_bytes // 4
    if G > lanes:
        pytest.skip(f"a register of {level.name} holds {lanes} numbers")
    for module in (instructions, narrow):
        monkeypatch.setattr(module, "LEVEL", level)
    rng, width = np.random.default_rng(0), VECTORS * lanes // G
    a, w = rng.integers(-9, 10, (10, 37)).astype(np.float32), rng.integers(-9, 10, (1, 37, width)).astype(np.float32)
    filled = np.zeros((-(-37 // G) * G, width), np.float32)
    filled[:37] = w[0]
    b, tile = filled.reshape(-1, G, width).swapaxes(1, 2).copy(), make_narrow_tile(G)

    @njit
    def product(like, terms, a, row, b, c, c_row, columns, M):
        tile(like, terms, a, row, b, c, c_row, columns, M)

    c = np.zeros((10, width), np.float32)
    product(c, terms_of(a[:, None]), a.ctypes.data, a.strides[0], b.ctypes.data, c.ctypes.data, c.strides[0], width - 1, 10)
    expected = a @ w[0]  # whole numbers: exact
    expected[:, -1] = 0  # past `columns` nothing is written
    np.testing.assert_array_equal(c, expected)


@FLOATS
def test_columns_are_narrow_that_leave_a_quarter_of_a_register_empty_under_a_long_sum(dtype):
    lanes, size = lanes_of(dtype), np.dtype(dtype).itemsize
    most, long = 3 * lanes // 4, 2 * lanes
    assert narrow_columns(long, 1, size) == narrow_columns(long, 5 * lanes + 1, size) == 1
    assert narrow_columns(long, most, size) == narrow_columns(long, lanes + most, size) == most
    assert [narrow_columns(*shape, size) for shape in ((long, 2 * lanes), (long, most + 1), (long - 1, 1))] == [0, 0, 0]


@FLOATS
@pytest.mark.parametrize("registers", [0, 1, 2, 3])
def test_matmul_takes_it_for_the_last_columns_whatever_the_layout_of_b(dtype, registers):
    lanes = lanes_of(dtype)
    rest = 5 * lanes // 8
    N, K = registers * lanes + rest, 3 * lanes + 1
    a, w = operands(0, 40, 1, K, N, dtype)
    narrow, a, w = run_on_arrays(a, w[:, :, -rest:]).tobytes(), a[:, 0], w[0].T
    wide = matmul(a, w[:-rest].T).tobytes()
    for b in (w.T, np.ascontiguousarray(w.T), np.repeat(w.T, 2, axis=0)[::2], np.repeat(w, 2, axis=1).T[::2]):
        c = matmul(a, b)
        assert (c[:, :-rest].tobytes(), c[:, -rest:].tobytes()) == (wide, narrow)


def test_matmul_of_a_transposed_array_does_without():
    a, w = operands(0, 40, 1, 100, 2, np.float32)
    np.testing.assert_allclose(matmul(np.asfortranarray(a[:, 0]), w[0]), a[:, 0] @ w[0], rtol=1e-4, atol=1e-4)
