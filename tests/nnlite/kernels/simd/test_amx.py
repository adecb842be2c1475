import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from nnlite.kernels import matmul_int8, pack_int8
from nnlite.kernels.simd import amx
from nnlite.kernels.simd.level import LEVEL
from nnlite.kernels.simd.strip import configure, release, strip
from nnlite.kernels.simd.tile import Terms

UNTOUCHED = -77
needs_amx = pytest.mark.skipif(LEVEL.name != "amx", reason=f"needs tile registers, the level is {LEVEL.name}")


@intrinsic
def components_in_use(typingctx):
    """XINUSE: which parts of the processor's state are not as they were at the start; bits 17 and 18 are AMX's."""

    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.IntType(64), [ir.IntType(32)])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.xgetbv"), [ir.IntType(32)(1)])

    return types.uint64(), codegen


@njit
def tiles_in_use():
    return components_in_use() >> 17 & 3


@njit
def product(like, terms, a, a_row, b, c, c_row, M, N):
    configure(like, M, terms.K, N)
    strip(like, terms, a, a_row, b, c, c_row, M, N)
    used = tiles_in_use()
    release(like)
    return used


def whole_products(rng, M, K, N):
    """a (M, 4K) uint8, b (K, N, 4) int8, extreme values often, and a b in int64."""
    a = rng.choice(np.array([0, 1, 128, 255, *rng.integers(0, 256, 4)], np.uint8), (M, 4 * K))
    b = rng.choice(np.array([-128, -127, -1, 127, *rng.integers(-128, 128, 4)], np.int8), (K, N, 4))
    return a, b, np.einsum("mkf,knf->mn", a.reshape(M, K, 4).astype(np.int64), b.astype(np.int64))


def run_product(a, b, M, N):
    """The first M rows and N columns of a b, by a strip into the middle of a larger array; and whether it used tiles."""
    frame = np.full((M + 32, N + 64), UNTOUCHED, np.int32)
    c = frame[16:-16, 32:-32]
    terms = Terms(1, 1, len(b), 0, 0, 4, 0, 0, b.strides[0])
    used = product(np.empty(0, np.int32), terms, a.ctypes.data, a.strides[0], b.ctypes.data, c.ctypes.data, c.strides[0], M, N)
    result = c.copy()
    c[...] = UNTOUCHED
    assert (frame == UNTOUCHED).all(), "the strip wrote outside of its result"
    return result, used


@needs_amx
@pytest.mark.parametrize("K", [0, 1, 2, 15, 16, 17, 31, 32, 33, 40])
def test_products_of_all_sizes_are_exact_in_tile_registers(K):
    a, b, expected = whole_products(np.random.default_rng(K), 80, K, 80)
    for M in [*range(amx.FEWEST_ROWS, 41), 47, 48, 49, 63, 64, 65, 80]:
        for N in (1, 2, 8, 15, 16, 17, 24, 31, 32, 33, 47, 48, 49, 63, 64, 65, 79, 80):
            c, used = run_product(a, b, M, N)
            np.testing.assert_array_equal(c, expected[:M, :N])
            assert used


@needs_amx
@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40), st.integers(1, 70)), min_size=2, max_size=8))
def test_products_of_different_sizes_in_turn_disturb_each_other_in_nothing(sizes):
    for M, K, N in sizes:
        a, b, expected = whole_products(np.random.default_rng(M), M, K, N)
        c, used = run_product(a, b, M, N)
        np.testing.assert_array_equal(c, expected)
        assert bool(used) == (M >= amx.FEWEST_ROWS)  # few rows are left to the ordinary tile


@njit
def several_strips(like, terms, a, a_row, b, c, c_row, images, c_image, M, N):
    configure(like, M, terms.K, N)
    for n in range(images):
        strip(like, terms, a + n * a_row, a_row, b, c + n * c_image, c_row, M, N)
    release(like)


@needs_amx
@pytest.mark.parametrize("K", [1, 5, 16, 21])
@pytest.mark.parametrize("M, N", [(8, 5), (13, 32), (16, 17), (29, 40), (45, 33)])
def test_one_configuration_serves_any_number_of_strips(K, M, N):
    # strip n reads the rows n … n + M, and in its second part the same rows 4 bytes further on
    images, (P, rng) = 3, (2, np.random.default_rng(0))
    a, b = rng.integers(0, 256, (M + images, 4 * K + 4), np.uint8), rng.integers(-128, 128, (P, K, N, 4), np.int8)
    c = np.empty((images, M, N), np.int32)
    several_strips(c.reshape(-1), Terms(P, 1, K, 4, 0, 4, b.strides[0], 0, b.strides[1]), a.ctypes.data, a.strides[0],
                   b.ctypes.data, c.ctypes.data, c.strides[1], images, c.strides[0], M, N)
    for n in range(images):
        patches = np.stack([a[n : n + M, 4 * p : 4 * p + 4 * K] for p in range(P)]).reshape(P, M, K, 4)
        np.testing.assert_array_equal(c[n], np.einsum("pmkf,pknf->mn", patches.astype(np.int64), b.astype(np.int64)))


@needs_amx
def test_the_tile_registers_are_given_back():
    a, w = np.full((20, 70), 3, np.uint8), np.full((70, 33), 2, np.int8)
    c = np.empty((20, 33), np.int32)
    matmul_int8(a, pack_int8(w), c)
    assert (c == 420).all() and tiles_in_use() == 0
