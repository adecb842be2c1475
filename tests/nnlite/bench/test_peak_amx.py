import numpy as np
import pytest

from nnlite.bench import peak_amx
from nnlite.kernels.simd.level import LEVEL


@pytest.mark.skipif(LEVEL.name != "amx", reason="needs AMX")
@pytest.mark.parametrize("threads", [1, 2])
def test_the_loop_adds_up_the_four_products_of_two_and_two_registers(threads):
    rng = np.random.default_rng(0)
    operands, sums = rng.integers(0, 256, (4, 16, 64), np.uint8), np.full((threads, 4, 16, 16), -1, np.int32)
    peak_amx.run_tile_loops(peak_amx.configuration(), operands, sums, 7)
    a, b = operands[:2].astype(int), operands[2:].view(np.int8).astype(int)
    b = b.reshape(2, 16, 16, 4).transpose(0, 1, 3, 2).reshape(2, 64, 16)  # four k of a column lie side by side
    for thread in range(threads):
        np.testing.assert_array_equal(sums[thread], [7 * a[i] @ b[j] for i in range(2) for j in range(2)])


def test_all_eight_registers_are_configured_whole():
    table = peak_amx.configuration()
    assert table.tolist() == [1] + 15 * [0] + 8 * [64, 0] + 16 * [0] + 8 * [16] + 8 * [0]


def test_a_step_has_two_operations_for_each_multiply_add():
    assert peak_amx.OPERATIONS == 2 * len(peak_amx.SUMS) * 16 * 16 * 64
