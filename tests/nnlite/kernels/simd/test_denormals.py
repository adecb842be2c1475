import numpy as np
import pytest
from llvmlite import binding, ir
from numba import njit

from nnlite.kernels.simd.denormals import ARM_BIT, PROCESSOR, denormals_off, emit_read, emit_write, put_back


@njit
def products(x, factor, off):
    y = np.empty_like(x)
    before = denormals_off() if off else 0
    for i in range(len(x)):
        y[i] = x[i] * factor
    if off:
        put_back(before)
    return y


@pytest.mark.skipif(PROCESSOR == "other", reason="this processor keeps denormals")
@pytest.mark.parametrize("dtype, tiny", [(np.float32, 2.0**-126), (np.float64, 2.0**-1022)])
def test_results_and_operands_below_the_smallest_normal_number_are_0_in_between_and_not_afterwards(dtype, tiny):
    x, half, large = np.array([tiny, -tiny, 1, np.nan], dtype), dtype(0.5), dtype(2**20)
    np.testing.assert_array_equal(products(x, half, True), [0, 0, 0.5, np.nan])
    small = np.array([tiny / 2], dtype)
    assert products(small, large, True) == [0]
    assert products(small, large, False) == dtype(tiny * 2**19)


def test_on_arm_it_is_the_bit_24_of_the_register_fpcr():
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    try:
        target = binding.Target.from_triple("aarch64-linux-gnu")
    except RuntimeError:
        pytest.skip("this llvmlite cannot compile for ARM")
    module = ir.Module()
    module.triple = "aarch64-linux-gnu"
    builder = ir.IRBuilder(ir.Function(module, ir.FunctionType(ir.VoidType(), []), "f").append_basic_block())
    emit_write(builder, "arm", builder.or_(emit_read(builder, "arm"), ir.IntType(64)(ARM_BIT)))
    builder.ret_void()
    text = target.create_target_machine().emit_assembly(binding.parse_assembly(str(module)))
    assert [line.split() for line in text.splitlines() if line.startswith(("\tmrs", "\torr", "\tmsr"))] == [
        ["mrs", "x8,", "FPCR"], ["orr", "x8,", "x8,", "#0x1000000"], ["msr", "FPCR,", "x8"]]
