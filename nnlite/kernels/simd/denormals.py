"""Denormals off: inside a task, a number below the smallest normal one, 1e-38 in float32, counts as 0.

Where a gradient stays 0, as that of a dead unit, an optimizer's average shrinks by a factor in each step. After some 900 steps
it is below 2⁻¹²⁶. IEEE 754 keeps such numbers with fewer digits ("denormals"), and many processors, Intel's above all, take up
to a hundred times as long for each operation on one. A bit of the processor's control register turns them to 0.
`tutorials/denormals.py` shows the difference.

    before = denormals_off()
    …                                # loops
    put_back(before)                 # a thread of the pool goes on to other tasks

x86 flushes results and operands (bits 15 and 6 of MXCSR), ARM both with bit 24 of FPCR. Other processors keep denormals.
Source: Intel, "64 and IA-32 Architectures Software Developer's Manual", volume 1, §10.2.3.
"""

import platform

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnlite.kernels.simd.instructions import I8, I32, I64

X86_BITS, ARM_BIT = 1 << 15 | 1 << 6, 1 << 24
PROCESSOR = {"x86_64": "x86", "amd64": "x86", "aarch64": "arm", "arm64": "arm"}.get(platform.machine().lower(), "other")


@intrinsic
def denormals_off(typingctx):
    """Turn denormals off in this thread -> the control register as it was."""

    def codegen(context, builder, signature, arguments):
        before = emit_read(builder, PROCESSOR)
        emit_write(builder, PROCESSOR, builder.or_(before, I64(X86_BITS if PROCESSOR == "x86" else ARM_BIT)))
        return before

    return types.int64(), codegen


@intrinsic
def put_back(typingctx, before):
    """Set this thread's control register to what `denormals_off` returned."""

    def codegen(context, builder, signature, arguments):
        emit_write(builder, PROCESSOR, arguments[0])
        return context.get_dummy_value()

    return types.none(types.int64), codegen


def emit_read(builder, processor):
    """The control register, as an int64."""
    if processor == "arm":
        return builder.call(_function(builder, I64, "llvm.aarch64.get.fpcr", []), [])
    if processor == "x86":
        word = cgutils.alloca_once(builder, I32)
        builder.call(_function(builder, ir.VoidType(), "llvm.x86.sse.stmxcsr", [I8.as_pointer()]), [_bytes(builder, word)])
        return builder.zext(builder.load(word), I64)
    return I64(0)


def emit_write(builder, processor, value):
    """Set the control register."""
    if processor == "arm":
        builder.call(_function(builder, ir.VoidType(), "llvm.aarch64.set.fpcr", [I64]), [value])
    if processor == "x86":
        word = cgutils.alloca_once(builder, I32)
        builder.store(builder.trunc(value, I32), word)
        builder.call(_function(builder, ir.VoidType(), "llvm.x86.sse.ldmxcsr", [I8.as_pointer()]), [_bytes(builder, word)])


def _function(builder, result, name, arguments):
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)


def _bytes(builder, pointer):
    return builder.bitcast(pointer, I8.as_pointer())
