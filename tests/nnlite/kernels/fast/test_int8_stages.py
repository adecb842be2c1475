import numba
import numpy as np
import pytest
from convolutions import convolutions
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from requantized import (
    CHANNELS,
    LAWS,
    SEEDS,
    UNTOUCHED,
    ZERO_POINTS,
    accumulators,
    factors,
    multipliers,
    requantize_reference,
)

from nncompress.quantization.affine import quantize_affine
from nnlite.kernels import LANES, geometry, pack_conv_int8, panels_int8
from nnlite.kernels.fast import int8_stages as kernels
from nnlite.kernels.fast.convolution import Sums
from nnlite.kernels.fast.requantize import Factors, Range
from nnlite.kernels.fast.stages import CONVOLUTION, LINEAR, LOGITS, table, thread_sums
from nnlite.kernels.loops.convolution import Walk, conv2d_formula
from nnlite.kernels.machine import sharing
from nnlite.kernels.machine.memory import address

ALL = numba.config.NUMBA_NUM_THREADS
QUICK = settings(deadline=None, max_examples=40)


@QUICK
@given(seed=SEEDS, Z=ZERO_POINTS, C=st.integers(1, 5), W=st.integers(1, 2 * LANES + 1),
       border=st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_quantize_images_fills_the_inside_of_the_first_images_channels_last(seed, Z, C, W, border):
    rng, (top, left) = np.random.default_rng(seed), border
    x = (rng.standard_normal((2, C, 4, W)) * 10 ** rng.uniform(-1, 12)).astype(np.float32)  # some beyond int32 when divided
    S = np.float32(0.02)
    x[rng.random(x.shape) < 0.2] = S * 2.5  # a half
    q = np.full((3, 4 + 2 * top, W + 2 * left, C), UNTOUCHED, np.uint8)
    expected = q.copy()
    expected[:2, top : top + 4, left : left + W] = quantize_affine(x.transpose(0, 2, 3, 1), S, Z, 0, 255, np.uint8)
    assert kernels._quantize_images(x, S, Z, q, top, left, ALL)
    np.testing.assert_array_equal(q, expected)
    for c in range(C):
        strange = x.copy()
        strange[rng.integers(2), c, rng.integers(4), rng.integers(W)] = rng.choice([np.nan, np.inf, -np.inf])
        assert not kernels._quantize_images(strange, S, Z, q, top, left, ALL)


# ---- requantization


@njit
def run_requantize(acc, pool, b, law, first, last, to, q, pixels):
    """Blocks of pool × pool pixels of acc (pool, W, O) int32, for the first of the pixels of q (≥ pixels, O)."""
    _, W, O = acc.shape
    factors = Factors(address(b), address(law.M0), address(law.left), address(law.right), address(law.M),
                      address(law.total))
    kernels.requantize(acc.reshape(-1), Sums(acc.ctypes.data, 4 * O, pool, W), factors, to, first, last, q.ctypes.data,
                       q.strides[0], pixels)


@settings(deadline=None, max_examples=100)
@given(SEEDS, LAWS, st.sampled_from([1, 2]), CHANNELS, st.integers(0, 9), ZERO_POINTS, st.booleans())
def test_requantize_equals_all_laws_on_the_maximum_of_each_block(seed, law, pool, O, pixels, Z, rectified):
    rng = np.random.default_rng(seed)
    bits = 31 if law in ("fixed", "once") else 30
    acc = accumulators(rng, pool * (pool * pixels + 1), O, bits).reshape(pool, -1, O)
    b, M, low = accumulators(rng, 1, O, bits)[0], multipliers(rng, O, law), Z if rectified else 0
    maximum = acc[:, : pool * pixels].reshape(pool, pixels, pool, O).max(axis=(0, 2)).astype(np.int64)
    for first, last in (0, O), sorted(rng.integers(0, O + 1, 2)):
        q = np.full((pixels + 1, O + 3), UNTOUCHED, np.uint8)
        expected = q.copy()
        expected[:pixels, first:last] = requantize_reference(maximum + b, M, law, Z, low)[:, first:last]
        run_requantize(acc, pool, b, factors(M, law), first, last, Range(Z, low, 255), q, pixels)
        np.testing.assert_array_equal(q, expected)


def test_the_maximum_of_a_block_worked_by_hand():
    # two blocks of 2 × 2 pixels with one channel: the largest in each corner, all of one block negative; (max + 4) / 2 + 10
    acc = np.int32([[[1], [7], [-9], [-8]], [[3], [-99], [-12], [-6]]])
    for law in "fixed", "fixed, nothing to the left", "once", "float":
        for shown in acc, acc[::-1], acc[:, ::-1], acc[::-1, ::-1]:
            q = np.empty((2, 1), np.uint8)
            run_requantize(shown.copy(), 2, np.int32([4]), factors(np.array([0.5]), law), 0, 1, Range(10, 0, 255), q, 2)
            assert sorted(q.ravel().tolist()) == [9, 16]  # 5.5 goes up to 6 by all laws: up, away from 0, and to even


# ---- layers


def run_stage(row, arrays, n, threads=1):
    """Run a table of one row: its numbers, and arrays whose addresses belong in it (0 for an empty one).

    More threads than the machine has are done one after the other, as without a pool.
    """
    row = row | {name: array.ctypes.data if array.size else 0 for name, array in arrays.items()}
    sums = np.repeat(thread_sums([row], n + 40, np.int32)[:1], threads, axis=0)
    pool = sharing._pool.value
    if threads > ALL:
        sharing._pool.value = None
    kernels.run_stages_int8(table([row]), sums, n, threads)
    sharing._pool.value = pool


def factors_by_name(M, law):
    return factors(M, law)._asdict()


@settings(deadline=None, max_examples=60)
@given(convolutions(most_images=9), SEEDS, LAWS, st.sampled_from([1, 2]), ZERO_POINTS, st.integers(1, 4))
def test_a_convolution_of_the_table_equals_its_formula_bit_for_bit(case, seed, law, pool, Z, threads):
    (N, H, W, C), w_shape, stride, dilation = case
    rng = np.random.default_rng(seed)
    H, W = (size + (pool - 1) * s for size, s in zip((H, W), stride, strict=True))  # room for a block at least
    x, w = rng.integers(0, 256, (N, H, W, C)).astype(np.uint8), rng.integers(-128, 128, w_shape).astype(np.int8)
    acc = conv2d_formula(x.astype(np.int64), w.astype(np.int64), Walk(stride, dilation))
    out_h, out_w, O = acc.shape[1] // pool, acc.shape[2] // pool, acc.shape[3]
    b, M = rng.integers(-(2**15), 2**15, O).astype(np.int32), multipliers(rng, O, law)
    blocks = acc[:, : out_h * pool, : out_w * pool].reshape(N, out_h, pool, out_w, pool, O)

    y = np.full((2 * N + 1, out_h + 2, out_w + 4, O), UNTOUCHED, np.uint8)
    expected = y.copy()
    high = int(rng.choice([255, max(Z, 15)]))
    expected[:N, 1:-1, 2:-2] = requantize_reference(blocks.max(axis=(2, 4)) + b, M, law, Z, Z, high)
    packed, x = pack_conv_int8(w, dilation).numbers, np.concatenate([x.ravel(), np.full(x.size + 3, 255, np.uint8)])
    row = {"kind": CONVOLUTION, "x_image": H * W * C, "x_row": W * C, "y_image": y.strides[0], "y_row": y.strides[1],
           "w_group": packed[0].nbytes, "w_row": packed[0, 0].nbytes, "channels": len(packed) * packed.shape[2], "pool": pool,
           "sums_w": acc.shape[2], "out_h": out_h, "out_w": out_w, "O": O, "Z": Z,
           "low": Z, "high": high, **geometry(w_shape, stride, dilation, per_lane=4)._asdict()}
    run_stage(row, {"x": x, "y": y[:, 1:, 2:], "w": packed, "b": b, **factors_by_name(M, law)}, N, threads)
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_tasks_of_a_convolution_do_all_rows_and_none_past_the_last(threads):
    # one pixel a row, weight 1, M = 1: y = x + 5; behind the images is one more of each, which has to stay as it is
    geometry_of_one = geometry((1, 1, 1, 1, 1), (1, 1), (1, 1), per_lane=4)._asdict()
    packed = pack_conv_int8(np.ones((1, 1, 1, 1, 1), np.int8), (1, 1)).numbers
    b, M = np.zeros(1, np.int32), np.ones(1, np.float32)
    for N, H in np.ndindex(20, 6):
        x, y = np.arange(N * H + 100, dtype=np.uint8), np.full(N * H + 100, UNTOUCHED, np.uint8)
        row = {"kind": CONVOLUTION, "x_image": H, "x_row": 1, "y_image": H, "y_row": 1, "w_group": packed.nbytes,
               "w_row": packed[0, 0].nbytes, "channels": LANES, "pool": 1, "sums_w": 1, "out_h": H, "out_w": 1, "O": 1, "Z": 5,
               "high": 255, **geometry_of_one}
        run_stage(row, {"x": x, "y": y, "w": packed, "b": b, "M": M}, N, threads)
        assert y.tolist() == [*range(5, 5 + N * H), *[UNTOUCHED] * 100]


@settings(deadline=None, max_examples=60)
@given(SEEDS, LAWS, st.integers(1, 40), st.integers(1, 160) | st.sampled_from([256, 272]), CHANNELS, ZERO_POINTS,
       st.sampled_from([1, 2, 8]))
def test_a_linear_layer_of_the_table_equals_its_formula_bit_for_bit(seed, law, N, K, O, Z, threads):
    rng = np.random.default_rng(seed)
    x, w = rng.integers(0, 256, (N + 40, K)).astype(np.uint8), rng.integers(-128, 128, (K, O)).astype(np.int8)
    b, M = rng.integers(-(2**15), 2**15, O).astype(np.int32), multipliers(rng, O, law)
    acc, panels = x[:N].astype(np.int64) @ w.astype(np.int64), panels_int8(w, -(-K // 4))
    high = int(rng.choice([255, 15]))
    row = {"x_image": K, "O": O, "K": panels.shape[1], "Z": Z, "high": high, "channels": len(panels) * panels.shape[2]}

    y = np.full((N + 40, O), UNTOUCHED, np.uint8)
    arrays = {"x": x, "w": panels, "b": b, **factors_by_name(M, law)}
    run_stage(row | {"kind": LINEAR, "y_image": O}, arrays | {"y": y}, N, threads)
    np.testing.assert_array_equal(y[:N], requantize_reference(acc + b, M, law, Z, 0, high))
    assert (y[N:] == UNTOUCHED).all()

    logits = np.full((N + 40, O), UNTOUCHED, np.float32)
    arrays |= {"y": logits, "M": M.astype(np.float32)}
    run_stage(row | {"kind": LOGITS, "y_image": 4 * O}, arrays, N, threads)
    np.testing.assert_array_equal(logits[:N], (acc + b).astype(np.float32) * M.astype(np.float32))
    assert (logits[N:] == UNTOUCHED).all()
