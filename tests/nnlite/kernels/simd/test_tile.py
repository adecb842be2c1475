import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from support import assert_sums_agree

from nnlite.kernels.simd import instructions, tile
from nnlite.kernels.simd.level import LEVELS, host_features
from nnlite.kernels.simd.strip import TILE_BYTES, configure, release, strip
from nnlite.kernels.simd.tile import Terms

UNTOUCHED = -77
LEVELS_HERE = [level for level in LEVELS if all(host_features().get(need) for need in level.needs)]


@st.composite
def strips(draw):
    """(M, N, P, Q, K), the strides (row, outer, inner, step) of a and (b_outer, b_inner, b_row) of b, counted in numbers."""
    size, stride = st.integers(1, 3), st.integers(0, 5)
    M, N = draw(st.integers(1, 35)), draw(st.integers(1, TILE_BYTES // 2 + 3))
    shape = M, N, draw(size), draw(size), draw(st.integers(0, 6) | st.sampled_from([15, 16, 17, 35]))
    return shape, [draw(stride) for _ in range(4)], [draw(stride) for _ in range(3)]


def places(shape, row, outer, inner, step):
    """m·row + p·outer + q·inner + k·step for every m, p, q, k -> (m, P, Q, K)."""
    m, p, q, k = np.ogrid[tuple(slice(size) for size in shape)]
    return m * row + p * outer + q * inner + k * step


@njit
def configured_strip(like, terms, a, row, b, c, c_row, M, N):
    configure(like, M, terms.K, N)
    strip(like, terms, a, row, b, c, c_row, M, N)
    release(like)


def run_strip(shape, a_strides, b_strides, a, b, dtype):
    """strip with its strides in bytes, into the middle of a larger array: only c[m < M, n < N] may be written."""
    M, N, P, Q, K = shape
    row, outer, inner, step = (s * a.itemsize for s in a_strides)
    frame = np.full((M + 2, N + 5), UNTOUCHED, dtype)
    c = frame[1:-1, 2:-3]
    like, b_strides = np.empty(0, dtype), [s * dtype().itemsize for s in b_strides]
    terms = Terms(P, Q, K, outer, inner, step, *b_strides)
    configured_strip(like, terms, a.ctypes.data, row, b.ctypes.data, c.ctypes.data, c.strides[0], M, N)
    result = c.copy()
    c[...] = UNTOUCHED
    assert (frame == UNTOUCHED).all(), "the strip wrote outside of its result"
    return result


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=50)
@given(strips(), st.integers(0, 2**32 - 1))
def test_a_strip_of_floats_equals_its_formula_for_all_strides(dtype, case, seed):
    (M, N, P, Q, K), a_strides, b_strides = case
    rng = np.random.default_rng(seed)
    a_at, b_at = places((M, P, Q, K), *a_strides), places((N, P, Q, K), 1, *b_strides)
    a, b = (rng.standard_normal(at.max(initial=0) + 1).astype(dtype) for at in (a_at, b_at))
    c = run_strip(*case, a, b, dtype)
    x, y, formula = a[a_at].astype(np.float64), b[b_at].astype(np.float64), "mpqk,npqk->mn"
    assert_sums_agree(c, np.einsum(formula, x, y), np.einsum(formula, abs(x), abs(y)), P * Q * K)


def integer_operands(case, rng):
    """a in bytes and b in groups of four per column, extreme values often, and Σ of their products in int64."""
    (M, N, P, Q, K), a_strides, b_strides = case
    a_at = places((M, P, Q, K), *a_strides[:3], 4)[..., None] + np.arange(4)  # four bytes for each k
    b_at = places((N, P, Q, K), 1, *b_strides)
    a = rng.choice(np.array([0, 1, 127, 128, 254, 255, *rng.integers(0, 256, 3)], np.uint8), a_at.max(initial=0) + 4)
    b = rng.choice(np.array([-128, -127, -1, 0, 127, *rng.integers(-128, 128, 3)], np.int8), (b_at.max(initial=0) + 1, 4))
    return a, b, np.einsum("mpqkf,npqkf->mn", a[a_at].astype(np.int64), b[b_at].astype(np.int64))


@settings(deadline=None, max_examples=50)
@given(strips(), st.integers(0, 2**32 - 1))
def test_a_strip_of_integers_equals_its_formula_bit_for_bit(case, seed):
    a, b, expected = integer_operands(case, np.random.default_rng(seed))
    shape, (row, outer, inner, _), b_strides = case
    np.testing.assert_array_equal(run_strip(shape, (row, outer, inner, 4), b_strides, a, b, np.int32), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("M", range(1, 21))
def test_tiles_that_overlap_give_the_same_bits_as_each_number_alone(dtype, M):
    rng, K = np.random.default_rng(M), 7
    a, b = rng.standard_normal((20, K)).astype(dtype), rng.standard_normal((K, 40)).astype(dtype)
    alone = np.array([[run_strip((1, 1, 1, 1, K), (K, 0, 0, 1), (0, 0, 40), a[m], b[:, n:], dtype)[0, 0] for n in range(40)]
                      for m in range(20)])
    for N in range(1, 41):
        c = run_strip((M, N, 1, 1, K), (K, 0, 0, 1), (0, 0, 40), a, b, dtype)
        assert c.tobytes() == np.ascontiguousarray(alone[:M, :N]).tobytes()


def set_level(monkeypatch, level):
    """What is compiled from now on is compiled for another level."""
    for module in (tile, instructions):
        monkeypatch.setattr(module, "LEVEL", level)


def product_through_a_new_tile(a, b, like, rows, vectors, K, columns):
    """c = a b by a tile that is compiled now, for the level that is set now."""
    one_tile = tile.make_tile(rows, vectors)

    @njit
    def product(like, terms, a, row, b, c, c_row):
        one_tile(like, terms, a, row, b, c, c_row, columns, 1)

    c = np.zeros((rows, b.shape[1]), like.dtype)
    step = 4 if like.dtype == np.int32 else a.itemsize
    terms = Terms(1, 1, K, 0, 0, step, 0, 0, b.strides[0])
    product(like, terms, a.ctypes.data, a.strides[0], b.ctypes.data, c.ctypes.data, c.strides[0])
    return c


@pytest.mark.parametrize("level", LEVELS_HERE, ids=lambda level: level.name)
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_every_level_gives_the_same_sums(monkeypatch, dtype, level):
    set_level(monkeypatch, level)
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
    set_level(monkeypatch, level)
    a = np.array([[211, 171, 0, 0], [255, 255, 255, 255], [255, 255, 255, 255], [128, 0, 0, 1]], np.uint8)
    b = np.array([[[71, 107, 9, 9], [127, 127, 127, 127], [-128, -128, -128, -128]]], np.int8)
    c = product_through_a_new_tile(a, b, np.empty(0, np.int32), 4, 1, 1, 3)
    assert c.tolist() == [  # 211·71 + 171·107 = 33278 > 2^15
        [33278, 382 * 127, -382 * 128],
        [255 * (71 + 107 + 9 + 9), 4 * 255 * 127, -4 * 255 * 128],
        [255 * (71 + 107 + 9 + 9), 4 * 255 * 127, -4 * 255 * 128],
        [128 * 71 + 9, 129 * 127, -129 * 128],
    ]


@pytest.mark.parametrize("rows", [1, 3, 5, 11, 19])
@pytest.mark.parametrize("columns", [1, 9, 17, 31, 33])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_no_byte_past_the_operands_is_read(before_a_wall, dtype, columns, rows):
    K = 3
    a, b = (np.ones((rows, 4 * K), np.uint8), np.ones((K, columns, 4), np.int8)) if dtype == np.int32 else (
        np.ones((rows, K), dtype), np.ones((K, columns), dtype))
    a, b, c = before_a_wall(a), before_a_wall(b), before_a_wall(np.zeros((rows, columns), dtype))
    step = 4 if dtype == np.int32 else a.itemsize
    configured_strip(np.empty(0, dtype), Terms(1, 1, K, 0, 0, step, 0, 0, b.strides[0]), a.ctypes.data, a.strides[0],
                     b.ctypes.data, c.ctypes.data, c.strides[0], rows, columns)
    assert (c == (4 * K if dtype == np.int32 else K)).all()
