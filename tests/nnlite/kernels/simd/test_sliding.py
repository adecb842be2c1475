import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from support import assert_sums_agree

from nnlite.kernels.simd import instructions, sliding, tile
from nnlite.kernels.simd.level import LEVEL, LEVELS, host_features
from nnlite.kernels.simd.sliding import slides, sliding_strip
from nnlite.kernels.simd.tile import Terms

UNTOUCHED = -77
LEVELS_HERE = [level for level in LEVELS if all(host_features().get(need) for need in level.needs)]
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])
seeds = st.integers(0, 2**32 - 1)


@njit
def run(like, terms, a, pixel, b, c, c_row, M, N):
    sliding_strip(like, terms, a, pixel, b, c, c_row, M, N)


def terms_of(a, b):
    """a (P, pixels, C), b (P, 3, C, LANES): P runs of 3·C numbers."""
    return Terms(len(a), 1, 3 * a.shape[2], a.strides[0], 0, a.itemsize, b.strides[0], 0, b.strides[2])


def run_strip(a, b, M, N):
    """sliding_strip of an image a (P, pixels, C) and b (P, 3, C, LANES), into the middle of a larger array.

    Only c[r < M, j < N] may be written.
    """
    frame = np.full((M + 2, N + 5), UNTOUCHED, a.dtype)
    c = frame[1:-1, 2:-3]
    run(a.reshape(-1), terms_of(a, b), a.ctypes.data, a.strides[1], b.ctypes.data, c.ctypes.data, c.strides[0], M, N)
    result = c.copy()
    c[...] = UNTOUCHED
    assert (frame == UNTOUCHED).all(), "the strip wrote outside of its result"
    return result


def operands(rng, M, P, C, N, dtype):
    """a (P, pixels, C), as many pixels as M rows reach over, and b (P, Q, C, LANES), zeros from N on."""
    lanes = LEVEL.vector_bytes // np.dtype(dtype).itemsize
    a, b = rng.standard_normal((P, M + 2, C)), np.zeros((P, 3, C, lanes), dtype)
    b[..., :N] = rng.standard_normal((*b.shape[:3], N))
    return a.astype(dtype), b


@FLOATS
@settings(deadline=None, max_examples=60)
@given(st.integers(1, 50), st.integers(1, 3), st.integers(1, 7), st.integers(1, 16), seeds)
def test_a_strip_equals_its_formula(dtype, M, P, C, N, seed):
    N = min(N, LEVEL.vector_bytes // np.dtype(dtype).itemsize)
    a, b = operands(np.random.default_rng(seed), M, P, C, N, dtype)
    patches = np.array([a[:, r : r + 3] for r in range(M)], np.float64)
    weights, formula = b[..., :N].astype(np.float64), "rpqk,pqkj->rj"
    c = run_strip(a, b, M, N)
    assert_sums_agree(c, np.einsum(formula, patches, weights), np.einsum(formula, abs(patches), abs(weights)), P * 3 * C)


@FLOATS
def test_every_number_of_rows_gives_the_same_bits_as_each_row_alone(dtype):
    a, b = operands(np.random.default_rng(0), 40, 3, 5, 2, dtype)
    alone = [run_strip(np.ascontiguousarray(a[:, m : m + 3]), b, 1, 2).tobytes() for m in range(40)]
    for M in range(1, 41):
        assert run_strip(a, b, M, 2).tobytes() == b"".join(alone[:M])


@FLOATS
@pytest.mark.parametrize("rows", [1, 3, 8, 11, 16, 21])
def test_no_byte_past_the_operands_is_read(before_a_wall, dtype, rows):
    lanes = LEVEL.vector_bytes // np.dtype(dtype).itemsize
    a, b = before_a_wall(np.ones((2, rows + 2, 3), dtype)), np.ones((2, 3, 3, lanes), dtype)
    b, c = before_a_wall(b), before_a_wall(np.zeros((rows, lanes), dtype))
    run(a.reshape(-1), terms_of(a, b), a.ctypes.data, a.strides[1], b.ctypes.data, c.ctypes.data, c.strides[0], rows, lanes)
    assert (c == 18).all()


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)])
def test_kernels_three_wide_slide_where_their_channels_fill_one_register_or_less(dtype):
    lanes = LEVEL.vector_bytes // dtype.itemsize

    def answer(o=lanes, kw=3, G=1, sw=1, dw=1):
        return slides((G, 2, kw, 5, o), (2, sw), (2, dw), dtype)

    assert answer() and answer(1)
    assert not any([answer(0), answer(lanes + 1), answer(kw=2), answer(kw=4), answer(G=2), answer(sw=2), answer(dw=2)])


@pytest.mark.parametrize("level", LEVELS_HERE, ids=lambda level: level.name)
def test_every_level_gives_the_same_sums(monkeypatch, level):
    for module in (tile, instructions, sliding):
        monkeypatch.setattr(module, "LEVEL", level)
    width, rng = level.vector_bytes // 4, np.random.default_rng(0)
    a, weights = rng.integers(-9, 10, (2, 12, 5)).astype(np.float32), rng.integers(-9, 10, (2, 3, 5, width)).astype(np.float32)
    expected = np.einsum("rpqk,pqkj->rj", [a[:, r : r + 3] for r in range(3)], weights)  # whole numbers: exact
    expected[:, -1:] = 0  # beyond `columns` nothing is written
    one_tile = sliding.make_sliding_tile(3)

    @njit
    def product(like, terms, a, pixel, b, c, c_row):
        one_tile(like, terms, a, pixel, b, c, c_row, width - 1, 1)

    c = np.zeros((3, width), np.float32)
    product(c, terms_of(a, weights), a.ctypes.data, a.strides[1], weights.ctypes.data, c.ctypes.data, c.strides[0])
    np.testing.assert_array_equal(c, expected)
