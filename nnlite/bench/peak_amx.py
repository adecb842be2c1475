"""The peak of AMX's tile registers, which the integer tile uses if the processor has them (see `nnlite.kernels.simd.amx`).

Four sums of 16 × 16 numbers stay in registers: c[i, j] += a[i] · b[j] for 2 a (16 × 64 uint8) and 2 b (64 × 16 int8). Together
they fill all eight registers, and a product can begin before the one before it has ended.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.sharing import share_out
from nnlite.kernels.machine.threads import parallel_kernel

I8, I64 = ir.IntType(8), ir.IntType(64)
BYTES = 16 * 64  # of a register
OPERATIONS = 4 * 2 * 16 * 64 * 16  # in a step: four products, two operations for each multiply-add
SUMS, A, B = (0, 1, 2, 3), (4, 5), (6, 7)  # the registers' numbers


@intrinsic
def tile_loop(typingctx, configuration, operands, sums, steps):
    """c[i, j] += `steps` times a[i] · b[j];  addresses of `configuration()`, of a[0], a[1], b[0], b[1], and of the four c."""

    def codegen(context, builder, signature, arguments):
        configuration, operands, sums, steps = arguments

        def call(name, *values):
            kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}"), values)

        def register_at(address, number):
            return builder.inttoptr(builder.add(address, I64(number * BYTES)), I8.as_pointer())

        call("ldtilecfg", register_at(configuration, 0))
        for number, register in enumerate(A + B):
            call("tileloadd64", I8(register), register_at(operands, number), I64(64))
        for register in SUMS:
            call("tilezero", I8(register))
        with cgutils.for_range(builder, steps):
            for register in SUMS:
                call("tdpbusd", I8(register), I8(A[register // 2]), I8(B[register % 2]))
        for register in SUMS:
            call("tilestored64", I8(register), register_at(sums, register), I64(64))
        call("tilerelease")
        return context.get_dummy_value()

    return types.void(*[types.intp] * 4), codegen


def configuration():
    """What ldtilecfg reads: palette 1, 64 bytes (from byte 16 on, as uint16) in each of 16 rows (from byte 48 on)."""
    table = np.zeros(64, np.uint8)
    table[0], table[16:32].view(np.uint16)[:], table[48:56] = 1, 64, 16
    return table


@parallel_kernel
def run_tile_loops(table, operands, sums, steps):
    """sums (threads, 4, 16, 16) int32 = what `tile_loop` adds up; operands (4, 16, 64) bytes; one task for each thread."""
    share_out(run_tile_loop, len(sums), len(sums), (table, operands, sums, steps))


@inner_kernel
def run_tile_loop(t, thread, table, operands, sums, steps):
    tile_loop(table.ctypes.data, operands.ctypes.data, sums[t].ctypes.data, steps)
