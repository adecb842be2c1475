import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from support import assert_sums_agree

from nnlite.kernels import tile
from nnlite.kernels.simd import LEVELS
from nnlite.kernels.strip import TILE_BYTES, TILE_ROWS, strip

UNTOUCHED = -77
LEVELS_HERE = [level for level in LEVELS if all(llvm.get_host_cpu_features().get(need) for need in level.needs)]


@st.composite
def strips(draw):
    """(M, N, P, Q, K) and the strides (row, outer, inner, step), counted in numbers."""
    size = st.integers(1, 3)
    M, N = draw(st.integers(1, 2 * TILE_ROWS + 3)), draw(st.integers(1, TILE_BYTES // 2 + 3))
    return (M, N, draw(size), draw(size), draw(st.integers(0, 6))), [draw(st.integers(0, 5)) for _ in range(4)]


def places(shape, strides):
    """m·row + p·outer + q·inner + k·step for every m, p, q, k -> (M, P, Q, K)."""
    M, N, P, Q, K = shape
    m, p, q, k = np.ogrid[:M, :P, :Q, :K]
    row, outer, inner, step = strides
    return m * row + p * outer + q * inner + k * step


def run_strip(shape, strides, a, b, dtype):
    """strip with its strides in bytes, into the middle of a larger array: only c[m < M, n < N] may be written."""
    M, N, P, Q, K = shape
    row, outer, inner, step = (int(s) * a.itemsize for s in strides)
    frame = np.full((M + 2, N + 5), UNTOUCHED, dtype)
    c = frame[1:-1, 2:-3]
    strip(np.empty(0, dtype), a.ctypes.data, row, outer, P, inner, Q, step, K, b.ctypes.data, b.strides[0],
          c.ctypes.data, c.strides[0], M, N)
    result = c.copy()
    c[...] = UNTOUCHED
    assert (frame == UNTOUCHED).all(), "the strip wrote outside of its result"
    return result


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=50)
@given(strips(), st.integers(0, 2**32 - 1))
def test_a_strip_of_floats_equals_its_formula_for_all_strides(dtype, case, seed):
    (M, N, P, Q, K), strides = case
    rng = np.random.default_rng(seed)
    at = places(*case)
    a = rng.standard_normal(at.max(initial=0) + 1).astype(dtype)
    b = rng.standard_normal((P * Q * K, N)).astype(dtype)
    c = run_strip(*case, a, b, dtype)
    x, y = a[at].reshape(M, -1).astype(np.float64), b.astype(np.float64)
    assert_sums_agree(c, np.einsum("mk,kn->mn", x, y), np.einsum("mk,kn->mn", abs(x), abs(y)), P * Q * K)


def integer_operands(case, rng):
    """a in bytes and b in groups of four per column, extreme values often, and Σ of their products in int64."""
    (M, N, P, Q, K), strides = case
    at = places((M, N, P, Q, K), [*strides[:3], 4])[..., None] + np.arange(4)  # four bytes for each k
    a = rng.choice(np.array([0, 1, 127, 128, 254, 255, *rng.integers(0, 256, 3)], np.uint8), at.max(initial=0) + 4)
    b = rng.choice(np.array([-128, -127, -1, 0, 127, *rng.integers(-128, 128, 3)], np.int8), (P * Q * K, N, 4))
    expected = np.einsum("mkf,knf->mn", a[at].reshape(M, -1, 4).astype(np.int64), b.astype(np.int64))
    return a, b, expected


@settings(deadline=None, max_examples=50)
@given(strips(), st.integers(0, 2**32 - 1))
def test_a_strip_of_integers_equals_its_formula_bit_for_bit(case, seed):
    a, b, expected = integer_operands(case, np.random.default_rng(seed))
    shape, strides = case
    np.testing.assert_array_equal(run_strip(shape, [*strides[:3], 4], a, b, np.int32), expected)


def product_through_a_new_tile(a, b, like, rows, vectors, K, columns):
    """c = a b by a tile that is compiled now, with the settings of the module `tile` as they are now."""
    one_tile = tile.make_tile(rows, vectors)

    @njit
    def product(like, a, row, step, b, b_row, c, c_row):
        one_tile(like, a, row, 0, 1, 0, 1, step, K, b, b_row, c, c_row, columns)

    c = np.zeros((rows, b.shape[1]), like.dtype)
    step = 4 if like.dtype == np.int32 else a.itemsize
    product(like, a.ctypes.data, a.strides[0], step, b.ctypes.data, b.strides[0], c.ctypes.data, c.strides[0])
    return c


@pytest.mark.parametrize("level", LEVELS_HERE, ids=lambda level: level.name)
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_every_level_gives_the_same_sums(monkeypatch, dtype, level):
    monkeypatch.setattr(tile, "LEVEL", level)
    width, rng = level.vector_bytes // 4, np.random.default_rng(0)
    if dtype == np.int32:
        a, b = rng.integers(0, 256, (3, 20), np.uint8), rng.integers(-128, 128, (5, 2 * width, 4), np.int8)
        expected = np.einsum("mkf,knf->mn", a.reshape(3, 5, 4).astype(np.int64), b.astype(np.int64))
    else:  # whole numbers: every sum is exact
        a, b = rng.integers(-9, 10, (3, 5)).astype(dtype), rng.integers(-9, 10, (5, 2 * width)).astype(dtype)
        expected = np.einsum("mk,kn->mn", a, b)
    c = product_through_a_new_tile(a, b, np.empty(0, dtype), 3, 2, 5, 2 * width - 3)
    expected[:, -3:] = 0  # beyond `columns` nothing is written
    np.testing.assert_array_equal(c, expected)


@pytest.mark.parametrize("level", LEVELS_HERE, ids=lambda level: level.name)
def test_four_products_are_added_without_saturation(monkeypatch, level):
    monkeypatch.setattr(tile, "LEVEL", level)
    a = np.array([[211, 171, 0, 0], [255, 255, 255, 255], [255, 255, 255, 255], [128, 0, 0, 1]], np.uint8)
    b = np.array([[[71, 107, 9, 9], [127, 127, 127, 127], [-128, -128, -128, -128]]], np.int8)
    c = product_through_a_new_tile(a, b, np.empty(0, np.int32), 4, 1, 1, 3)
    assert c.tolist() == [  # 211·71 + 171·107 = 33278 > 2^15
        [33278, 382 * 127, -382 * 128],
        [255 * (71 + 107 + 9 + 9), 4 * 255 * 127, -4 * 255 * 128],
        [255 * (71 + 107 + 9 + 9), 4 * 255 * 127, -4 * 255 * 128],
        [128 * 71 + 9, 129 * 127, -129 * 128],
    ]


@pytest.mark.parametrize("rows", [1, 3, 5, 11])
@pytest.mark.parametrize("columns", [1, 9, 17, 31, 33])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_no_byte_past_the_operands_is_read(before_a_wall, dtype, columns, rows):
    K = 3
    a, b = (np.ones((rows, 4 * K), np.uint8), np.ones((K, columns, 4), np.int8)) if dtype == np.int32 else (
        np.ones((rows, K), dtype), np.ones((K, columns), dtype))
    a, b, c = before_a_wall(a), before_a_wall(b), before_a_wall(np.zeros((rows, columns), dtype))
    step = 4 if dtype == np.int32 else a.itemsize
    strip(np.empty(0, dtype), a.ctypes.data, a.strides[0], 0, 1, 0, 1, step, K, b.ctypes.data, b.strides[0],
          c.ctypes.data, c.strides[0], rows, columns)
    assert (c == (4 * K if dtype == np.int32 else K)).all()
