import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import fast_only

from nncompress import matmul_int8, pack_int8


def random_matrices(seed, M, K, N):
    """Bytes of all values, the extremes among them more often than chance has it."""
    rng = np.random.default_rng(seed)
    a = rng.choice([0, 1, 128, 255, *rng.integers(0, 256, 8)], (M, K)).astype(np.uint8)
    w = rng.choice([-128, -127, -1, 0, 127, *rng.integers(-128, 128, 8)], (K, N)).astype(np.int8)
    return a, w


SIZES = st.sampled_from([0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 64, 65, 100])


def from_an_odd_address(x):
    buffer = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    buffer[...] = x
    return buffer


VIEWS = st.sampled_from([
    np.asarray, np.asfortranarray, from_an_odd_address,
    lambda x: np.repeat(x, 2, axis=1)[:, ::2], lambda x: x[::-1].copy()[::-1],
    lambda x: np.pad(x, ((2, 1), (3, 64)), constant_values=99)[2 : 2 + len(x), 3 : 3 + x.shape[1]],
])


@settings(deadline=None, max_examples=250)
@given(st.integers(0, 2**32 - 1), SIZES, SIZES, SIZES, VIEWS, VIEWS)
def test_the_product_is_exact_for_matrices_of_any_layout_in_memory(seed, M, K, N, view_a, view_w):
    a, w = random_matrices(seed, M, K, N)
    around = np.full((M + 2, N), 99, np.int32)
    c = matmul_int8(view_a(a), pack_int8(view_w(w)), out=around[1:-1])
    assert c.base is around and (around[[0, -1]] == 99).all()
    np.testing.assert_array_equal(c, a.astype(np.int64) @ w.astype(np.int64))
    c = matmul_int8(view_a(a), pack_int8(view_w(w)))
    assert (c.shape, c.dtype) == ((M, N), np.int32)
    np.testing.assert_array_equal(c, around[1:-1])


@pytest.mark.parametrize("M, K, N", [(1, 1, 1), (1, 5, 300), (300, 7, 1), (65, 1030, 33), (8, 4, 32), (129, 64, 64)])
def test_the_product_of_large_matrices_is_exact(M, K, N):
    a, w = random_matrices(1, M, K, N)
    np.testing.assert_array_equal(matmul_int8(a, pack_int8(w)), a.astype(np.int64) @ w.astype(np.int64))


@pytest.mark.parametrize("weight", [127, -127, -128])
def test_the_longest_sum_of_the_largest_products_fits(weight):
    K = 65_793
    a, w = np.full((2, K), 255, np.uint8), np.full((K, 3), weight, np.int8)
    assert -(2**31) <= 255 * weight * K < 2**31
    np.testing.assert_array_equal(matmul_int8(a, pack_int8(w)), np.full((2, 3), 255 * weight * K))
    assert 255 * 128 * (K + 1) > 2**31


def test_no_pair_of_products_saturates_at_16_bits():
    # 211·71 + 171·107 = 33278, which the instruction vpmaddubsw would make 32767
    a, w = np.uint8([[211, 171, 0, 0]]), np.int8([[71], [107], [0], [0]])
    assert matmul_int8(a, pack_int8(w)).item() == 33278


@fast_only("loops read weights as they are")
def test_four_weights_of_a_column_lie_side_by_side_and_zeros_fill_the_panel():
    w = np.arange(1, 13).reshape(6, 2).astype(np.int8)
    panels, K, N = pack_int8(w)
    assert (K, N) == (6, 2) and panels.dtype == np.int8 and panels.flags.c_contiguous and panels.ctypes.data % 64 == 0
    np.testing.assert_array_equal(panels[0, :2, :2], [[[1, 3, 5, 7], [2, 4, 6, 8]], [[9, 11, 0, 0], [10, 12, 0, 0]]])
    assert len(panels) == 1 and not panels[0, :, 2:].any() and not panels[0, 2:].any()


def test_out_is_filled_and_returned():
    a, w = random_matrices(3, 10, 7, 5)
    out = np.full((10, 5), 99, np.int32)
    assert matmul_int8(a, pack_int8(w), out=out) is out
    np.testing.assert_array_equal(out, a.astype(np.int64) @ w.astype(np.int64))


# ---- errors


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, bool])
def test_only_int8_weights_are_packed(dtype):
    with pytest.raises(TypeError, match=f"pack_int8: expects int8, got {np.dtype(dtype)}"):
        pack_int8(np.zeros((4, 4), dtype))


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2), ()])
def test_only_matrices_are_packed(shape):
    with pytest.raises(ValueError, match=r"pack_int8: expects a matrix \(K, N\), got shape"):
        pack_int8(np.zeros(shape, np.int8))


PACKED = pack_int8(np.zeros((6, 3), np.int8))


@pytest.mark.parametrize("a, packed, message", [
    (np.zeros((2, 6), np.int8), PACKED, "matmul_int8: expects uint8 and what pack_int8 returns, got int8 and PackedInt8"),
    (np.zeros((2, 6), np.float32), PACKED, "got float32 and PackedInt8"),
    (np.zeros((2, 6), np.uint8), np.zeros((6, 3), np.int8), "got uint8 and ndarray"),
])
def test_other_dtypes_and_weights_that_are_not_packed_are_refused(a, packed, message):
    with pytest.raises(TypeError, match=message):
        matmul_int8(a, packed)


@pytest.mark.parametrize("a_shape", [(2, 4), (2, 8), (2, 9), (6,), (1, 2, 6), (2, 0), ()])
def test_shapes_that_do_not_fit_are_refused(a_shape):
    with pytest.raises(ValueError, match=rf"matmul_int8: a {re.escape(str(a_shape))} does not fit weights \(6, 3\)"):
        matmul_int8(np.zeros(a_shape, np.uint8), PACKED)


def test_sums_that_could_overflow_are_refused():
    K = 65_794
    with pytest.raises(ValueError, match="matmul_int8: K is 65794; int32 sums are safe up to 65793"):
        matmul_int8(np.zeros((1, K), np.uint8), pack_int8(np.zeros((K, 1), np.int8)))


@pytest.mark.parametrize("out", [
    np.empty((2, 4), np.int32), np.empty((2, 3), np.int64), np.empty((3, 2), np.int32).T, np.empty((2, 6), np.int32)[:, ::2],
    np.broadcast_to(np.int32(0), (2, 3)), np.frombuffer(bytes(24), np.int32).reshape(2, 3),
])
def test_an_out_that_does_not_fit_is_refused(out):
    with pytest.raises(ValueError, match=r"matmul_int8: out has to be writeable, contiguous int32 \(2, 3\), got"):
        matmul_int8(np.zeros((2, 6), np.uint8), PACKED, out=out)
