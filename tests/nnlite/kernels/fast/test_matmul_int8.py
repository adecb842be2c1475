import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integers import operands

from nnlite.kernels import matmul_int8, pack_int8
from nnlite.kernels.simd.level import LANES, LEVEL

rows = st.integers(0, 20) | st.integers(30, 100)
sizes = st.integers(0, 20) | st.sampled_from([31, 32, 33, 63, 64, 65, 100, 128])
shapes = st.tuples(rows, sizes, sizes)
seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=50)
@given(shapes, seeds)
def test_panels_hold_four_consecutive_k_of_a_column_side_by_side_and_zeros_past_k_and_n(shape, seed):
    _, K, N = shape
    w = np.random.default_rng(seed).integers(-128, 128, (K, N), np.int8)
    panels, *given = pack_int8(w)
    _, steps, width, _ = panels.shape
    multiple = 64 if LEVEL.name == "amx" else 4
    assert given == [K, N] and panels.shape == ((N + width - 1) // width, steps, width, 4) and panels.flags.c_contiguous
    assert 4 * steps == (K + multiple - 1) // multiple * multiple
    filled_up = np.pad(w, ((0, 4 * steps - K), (0, -N % width)))
    for p, k, j, four in np.ndindex(panels.shape):
        assert panels[p, k, j, four] == filled_up[4 * k + four, p * width + j]


@pytest.mark.parametrize("N, shape", [(1, (1, LANES)), (LANES, (1, LANES)), (LANES + 1, (1, 2 * LANES)),
                                      (2 * LANES + 1, (2, 2 * LANES))])
def test_a_panel_is_as_wide_as_a_register_where_one_has_room_for_all_columns_and_else_as_a_tile(N, shape):
    panels = pack_int8(np.ones((5, N), np.int8)).numbers
    assert (len(panels), panels.shape[2]) == shape


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("shape", [(1, 64, 4000), (3, 40_000, 70), (31, 64, 70), (40, 1000, 2100), (200, 128, 100),
                                   (2000, 100, 300), (47, 60, 40)])
def test_rows_and_panels_are_shared_out_among_threads_with_none_left_out(threads, count, shape, monkeypatch):
    monkeypatch.setattr("nnlite.kernels.machine.threads.WORTH_A_THREAD", 1)
    threads(count)
    a, w, c = operands(np.random.default_rng(0), *shape)
    expected = a.astype(np.float64) @ w  # far below 2⁵³: exact
    for _ in range(3):  # threads in each other's way need not show it every time
        c[...] = -1
        matmul_int8(a, pack_int8(w), c)
        np.testing.assert_array_equal(c, expected)
