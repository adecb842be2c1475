"""AMX: tile registers of 16 rows × 64 bytes, and one instruction that multiplies two of them.

    c[r, j] += Σ_{k < 64} a[r, k] · b[k, j]        a (16, 64) uint8, b (64, 16) int8 as (16, 16, 4), c (16, 16) int32

Where the processor has it, the integer tile is made of these: 16 rows by 2 columns of registers. How many rows and bytes of
each register are in use has to be said once, by `configure`, before the first tile of a kind; so a product of any size is
exact, without padding. The rest of a sum that is no multiple of 64 has registers of its own:

    register   0   1   c                  2   a        3   4   b        5   a, the rest        6   7   b, the rest

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.
"""

import ctypes
import platform

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

ROWS = 16  # of a tile register
STEPS = 16  # of four bytes each, in a row of a tile register
FEWEST_ROWS = 8  # below these the ordinary tile is as fast

I8, I16, I64, VOID = ir.IntType(8), ir.IntType(16), ir.IntType(64), ir.VoidType()
ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA, SYS_ARCH_PRCTL = 0x1023, 18, 158  # of Linux on x86-64


def permitted():
    """Ask the kernel for the use of tile registers, which it grants to each process that asks (Linux 5.16)."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return False
    return ctypes.CDLL(None).syscall(SYS_ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0


@intrinsic
def configure_registers(typingctx, rows, K, columns):
    """Tile registers for c with so many rows and columns (≤ 32), and sums of K steps."""

    def codegen(context, builder, signature, arguments):
        rows, K, columns = arguments
        table = cgutils.alloca_once(builder, ir.ArrayType(I64, 8))
        table.align = 64
        builder.store(ir.Constant(table.type.pointee, None), table)
        base = builder.ptrtoint(table, I64)
        _put(builder, base, I8(1))  # palette
        sixteen = I64(16)
        first = _smaller(builder, columns, sixteen)
        second = builder.sub(columns, first)
        full, rest = _smaller(builder, K, sixteen), builder.urem(K, sixteen)
        sizes = [(rows, first), (rows, second), (rows, full), (full, first), (full, second),
                 (rows, rest), (rest, first), (rest, second)]
        for register, (height, width) in enumerate(sizes):
            used = builder.icmp_signed(">", builder.mul(height, width), I64(0))
            height, width = (builder.select(used, value, I64(0)) for value in (height, width))
            _put(builder, builder.add(base, I64(16 + 2 * register)), builder.trunc(builder.mul(width, I64(4)), I16))
            _put(builder, builder.add(base, I64(48 + register)), builder.trunc(height, I8))
        _call(builder, "ldtilecfg", builder.inttoptr(base, I8.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), codegen


@intrinsic
def release_registers(typingctx):
    """Give the tile registers back: threads without any are switched faster."""

    def codegen(context, builder, signature, arguments):
        _call(builder, "tilerelease")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def amx_tile(typingctx, a, row, outer, P, inner, Q, K, b, b_outer, b_inner, b_row, c, c_row, columns):
    """The tile of `nnlite.kernels.tile` for integers, a step of four bytes, in registers that have been configured for it."""

    def codegen(context, builder, signature, arguments):
        _emit(builder, *arguments)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 14), codegen


def _emit(builder, a, row, outer, P, inner, Q, K, b, b_outer, b_inner, b_row, c, c_row, columns):
    two = builder.icmp_signed(">", columns, I64(16))
    chunks, rest = builder.udiv(K, I64(STEPS)), builder.urem(K, I64(STEPS))

    def multiply(x, y, a_register, b_register):
        """c += the product of the chunk at x and the one at y."""
        _load(builder, a_register, x, row)
        _load(builder, b_register, y, b_row)
        _call(builder, "tdpbusd", I8(0), I8(a_register), I8(b_register))
        with builder.if_then(two):
            _load(builder, b_register + 1, builder.add(y, I64(64)), b_row)
            _call(builder, "tdpbusd", I8(1), I8(a_register), I8(b_register + 1))

    _call(builder, "tilezero", I8(0))
    with builder.if_then(two):
        _call(builder, "tilezero", I8(1))
    with cgutils.for_range(builder, P) as p, cgutils.for_range(builder, Q) as q:
        x = builder.add(a, builder.add(builder.mul(p.index, outer), builder.mul(q.index, inner)))
        y = builder.add(b, builder.add(builder.mul(p.index, b_outer), builder.mul(q.index, b_inner)))
        chunk_bytes = builder.mul(b_row, I64(STEPS))
        with cgutils.for_range(builder, chunks) as k:
            multiply(builder.add(x, builder.mul(k.index, I64(64))), builder.add(y, builder.mul(k.index, chunk_bytes)), 2, 3)
        with builder.if_then(builder.icmp_signed(">", rest, I64(0))):
            multiply(builder.add(x, builder.mul(chunks, I64(64))), builder.add(y, builder.mul(chunks, chunk_bytes)), 5, 6)
    _call(builder, "tilestored64", I8(0), builder.inttoptr(c, I8.as_pointer()), c_row)
    with builder.if_then(two):
        _call(builder, "tilestored64", I8(1), builder.inttoptr(builder.add(c, I64(64)), I8.as_pointer()), c_row)


def _load(builder, register, address, stride):
    _call(builder, "tileloadd64", I8(register), builder.inttoptr(address, I8.as_pointer()), stride)


def _put(builder, address, value):
    builder.store(value, builder.inttoptr(address, value.type.as_pointer())).align = 1


def _smaller(builder, x, y):
    return builder.select(builder.icmp_signed("<", x, y), x, y)


def _call(builder, name, *arguments):
    kind = ir.FunctionType(VOID, [argument.type for argument in arguments])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}"), arguments)
