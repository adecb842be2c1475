import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from support import assert_sums_agree

from nnlite.kernels.simd import instructions, tile
from nnlite.kernels.simd.depthwise import depthwise_strip, is_depthwise
from nnlite.kernels.simd.level import LEVELS, host_features
from nnlite.kernels.simd.tile import Terms

UNTOUCHED = -77
LEVELS_HERE = [level for level in LEVELS if all(host_features().get(need) for need in level.needs)]
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(("G", "C", "O", "answer"), [(2, 2, 2, True), (40, 40, 40, True), (2, 4, 2, False), (2, 2, 4, False),
                                                     (2, 4, 4, False), (1, 2, 2, False), (1, 1, 1, False)])
def test_a_convolution_is_depthwise_where_each_of_several_channels_is_a_group(G, C, O, answer):
    assert is_depthwise(G, C, O) == answer


@st.composite
def strips(draw):
    """(M, N, P, Q, K), the strides (row, outer, inner, step) of a and (b_outer, b_inner, b_row) of b, counted in numbers."""
    size, stride = st.integers(1, 3), st.integers(0, 5)
    shape = draw(st.integers(1, 27)), draw(st.integers(1, 40)), draw(size), draw(size), draw(st.integers(0, 4))
    return shape, [draw(stride) for _ in range(4)], [draw(stride) for _ in range(3)]


def places(shape, *strides):
    """n + p·outer + q·inner + k·step, and so on, for indices below `shape`, the last of stride 1."""
    return sum(i * stride for i, stride in zip(np.ogrid[tuple(slice(size) for size in shape)], (*strides, 1), strict=True))


@njit
def run(like, element, terms, a, row, b, c, c_row, M, N):
    depthwise_strip(like, element, terms, a, row, b, c, c_row, M, N)


def run_strip(shape, a_strides, b_strides, a, b, dtype):
    """depthwise_strip with its strides in bytes, into the middle of a larger array: only c[m < M, n < N] may be written."""
    M, N, P, Q, K = shape
    row, outer, inner, step = (s * a.itemsize for s in a_strides)
    frame = np.full((M + 2, N + 5), UNTOUCHED, dtype)
    c = frame[1:-1, 2:-3]
    terms = Terms(P, Q, K, outer, inner, step, *(s * c.itemsize for s in b_strides))
    run(np.empty(0, dtype), a.itemsize, terms, a.ctypes.data, row, b.ctypes.data, c.ctypes.data, c.strides[0], M, N)
    result = c.copy()
    c[...] = UNTOUCHED
    assert (frame == UNTOUCHED).all(), "the strip wrote outside of its result"
    return result


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=50)
@given(strips(), seeds)
def test_a_strip_of_floats_equals_its_formula_for_all_strides(dtype, case, seed):
    (M, N, P, Q, K), a_strides, b_strides = case
    rng = np.random.default_rng(seed)
    a_at, b_at = places((M, P, Q, K, N), *a_strides), places((P, Q, K, N), *b_strides)
    a, b = (rng.standard_normal(at.max(initial=0) + 1).astype(dtype) for at in (a_at, b_at))
    x, y, formula = a[a_at].astype(np.float64), b[b_at].astype(np.float64), "mpqkn,pqkn->mn"
    c = run_strip(*case, a, b, dtype)
    assert_sums_agree(c, np.einsum(formula, x, y), np.einsum(formula, abs(x), abs(y)), P * Q * K)


@settings(deadline=None, max_examples=50)
@given(strips(), seeds)
def test_a_strip_of_bytes_equals_its_formula_bit_for_bit(case, seed):
    (M, N, P, Q, K), a_strides, b_strides = case
    rng = np.random.default_rng(seed)
    a_at, b_at = places((M, P, Q, K, N), *a_strides), places((P, Q, K, N), *b_strides)
    a = rng.choice(np.array([0, 1, 127, 128, 255], np.uint8), a_at.max(initial=0) + 1)
    b = rng.choice(np.array([-128, -1, 0, 1, 127], np.int8), (b_at.max(initial=0) + 1, 4))  # the first of four counts
    expected = np.einsum("mpqkn,pqkn->mn", a[a_at].astype(np.int64), b[b_at, 0].astype(np.int64))
    np.testing.assert_array_equal(run_strip(*case, a, b, np.int32), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tiles_that_overlap_give_the_same_bits_as_each_row_alone(dtype):
    rng, K, N = np.random.default_rng(0), 7, 20
    a, b = rng.standard_normal((19, K, N)).astype(dtype), rng.standard_normal((K, N)).astype(dtype)
    alone = [run_strip((1, N, 1, 1, K), (0, 0, 0, N), (0, 0, N), a[m], b, dtype).tobytes() for m in range(19)]
    for M in range(1, 20):
        assert run_strip((M, N, 1, 1, K), (K * N, 0, 0, N), (0, 0, N), a, b, dtype).tobytes() == b"".join(alone[:M])


@pytest.mark.parametrize("rows", [1, 3, 5, 11])
@pytest.mark.parametrize("columns", [1, 9, 17, 31, 33])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_no_byte_past_the_operands_is_read(before_a_wall, dtype, columns, rows):
    a, b = np.ones((rows, 3, columns), np.uint8 if dtype == np.int32 else dtype), np.ones((3, columns), dtype)
    a, b, c = before_a_wall(a), before_a_wall(b), before_a_wall(np.zeros((rows, columns), dtype))
    run(np.empty(0, dtype), a.itemsize, Terms(1, 1, 3, 0, 0, a.strides[1], 0, 0, b.strides[0]), a.ctypes.data, a.strides[0],
        b.ctypes.data, c.ctypes.data, c.strides[0], rows, columns)
    assert (c == 3).all()


@pytest.mark.parametrize("level", LEVELS_HERE, ids=lambda level: level.name)
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_every_level_gives_the_same_sums(monkeypatch, dtype, level):
    for module in (tile, instructions):
        monkeypatch.setattr(module, "LEVEL", level)
    width, rng = level.vector_bytes // 4, np.random.default_rng(0)
    a, weights = rng.integers(0, 256, (3, 5, width)), rng.integers(-128, 128, (5, width))
    expected = np.einsum("mkn,kn->mn", a, weights)  # whole numbers: every sum is exact
    expected[:, -1:] = 0  # beyond `columns` nothing is written
    a = a.astype(np.uint8 if dtype == np.int32 else dtype)
    b = weights.astype(dtype) & 255 if dtype == np.int32 else weights.astype(dtype)  # the first byte of four
    one_tile = tile.make_tile(3, 1, depthwise=True)

    @njit
    def product(like, terms, a, row, b, c, c_row):
        one_tile(like, terms, a, row, b, c, c_row, width - 1, 1)

    c = np.zeros((3, width), dtype)
    terms = Terms(1, 1, 5, 0, 0, a.strides[1], 0, 0, b.strides[0])
    product(c, terms, a.ctypes.data, a.strides[0], b.ctypes.data, c.ctypes.data, c.strides[0])
    np.testing.assert_array_equal(c, expected)
