"""AMX: tile registers of 16 rows × 64 bytes, and one instruction that multiplies two of them.

    c[r, j] += Σ_{k < 64} a[r, k] · b[k, j]        a (16, 64) uint8, b (64, 16) int8 as (16, 16, 4), c (16, 16) int32

If the processor has AMX, the integer tile is made of these registers: one or two blocks of 16 rows by 2 columns of registers.
With two blocks, each register of a and of b that is read serves two products. `configure` says once, before the first tile of
a kind, how many rows and bytes of each register are in use; so a product of any size is exact, without padding. If K > 64 is
not a multiple of 64, the remainder needs registers of its own, so only one block of rows fits:

    register              0   1   2   3   4   5            6   7
    K whole               c   c   a   b   b   c            c   a             5 to 7: the second block
    K with a remainder    c   c   a   b   b   a remainder  b   b remainder

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnlite.kernels.simd.instructions import I8, I64, emit_smaller
from nnlite.kernels.simd.tile import TERMS, call_tile

ROWS = 16  # of a tile register
STEPS = 16  # of four bytes each, in a row of a tile register
FEWEST_ROWS = 3  # with fewer rows, the ordinary tile is as fast

I16, VOID = ir.IntType(16), ir.VoidType()


@intrinsic
def configure_registers(typingctx, rows, K, columns):
    """Configure the tile registers for c of `rows` × `columns` (≤ 32) and sums of K steps."""

    def codegen(context, builder, signature, arguments):
        rows, K, columns = arguments
        table = cgutils.alloca_once(builder, ir.ArrayType(I64, 8))
        table.align = 64
        builder.store(ir.Constant(table.type.pointee, None), table)
        base = builder.ptrtoint(table, I64)
        _put(builder, base, I8(1))  # palette
        sixteen = I64(16)
        first = emit_smaller(builder, columns, sixteen)
        second = builder.sub(columns, first)
        full, _, remainder = _chunks(builder, K)
        whole = builder.icmp_signed("==", remainder, I64(0))
        sizes = [(rows, first), (rows, second), (rows, full), (full, first), (full, second)]
        of_remainder, of_second_block = [(rows, remainder), (remainder, first), (remainder, second)], [*sizes[:3]]
        sizes += [[builder.select(whole, x, y) for x, y in zip(*pair, strict=True)]
                  for pair in zip(of_second_block, of_remainder, strict=True)]
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
    """Give the tile registers back: the system switches faster between threads that hold none."""

    def codegen(context, builder, signature, arguments):
        _call(builder, "tilerelease")
        return context.get_dummy_value()

    return types.void(), codegen


def make_amx_tile(blocks):
    """The tile of `nnlite.kernels.simd.tile` for integers, with steps of four bytes, in registers configured for it before.

    tile(terms, a, row, b, c, c_row, columns, rows)
    blocks = 1: up to 16 rows, as configured. blocks = 2 (only if K has no remainder): `rows` is 17 … 32; the second block ends
    at row `rows` and may overlap the first.
    """

    @intrinsic
    def amx_tile(typingctx, terms, a, row, b, c, c_row, columns, rows):
        def codegen(context, builder, signature, arguments):
            call_tile(builder, f"nnlite_amx_tile_{blocks}", arguments,
                      lambda inner, *numbers: _emit_tile(inner, blocks, *numbers))
            return context.get_dummy_value()

        return types.void(TERMS, *[types.intp] * 7), codegen

    return amx_tile


def _emit_tile(builder, blocks, terms, a, row, b, c, c_row, columns, rows):
    starts = [I64(0), builder.sub(rows, I64(ROWS))][:blocks]
    with builder.if_else(builder.icmp_signed(">", columns, I64(16))) as (two_columns, one_column):
        with two_columns:
            _emit(builder, starts, 2, terms, a, row, b, c, c_row)
        with one_column:
            _emit(builder, starts, 1, terms, a, row, b, c, c_row)


def _emit(builder, starts, columns, terms, a, row, b, c, c_row):
    """Blocks of rows that begin at `starts`, with one or two columns of registers."""
    P, Q, K, outer, inner, _, b_outer, b_inner, b_row = terms
    c_registers = [(0, 1), (5, 6)]
    _, chunks, remainder = _chunks(builder, K)
    places = [(i, j, builder.mul(start, row)) for i, start in enumerate(starts) for j in range(columns)]
    load_b = _load if len(starts) == 1 else _load_once

    def multiply(x, y, a_registers, b_registers):
        """c += the product of the chunk at x and the one at y."""
        for i, j, start in places:
            if i == 0:
                load_b(builder, b_registers[j], builder.add(y, I64(64 * j)), b_row)
            if j == 0:
                _load(builder, a_registers[i], builder.add(x, start), row)
        for i, j, _ in places:
            _call(builder, "tdpbusd", I8(c_registers[i][j]), I8(a_registers[i]), I8(b_registers[j]))

    for i, j, _ in places:
        _call(builder, "tilezero", I8(c_registers[i][j]))
    with cgutils.for_range(builder, P) as p, cgutils.for_range(builder, Q) as q:
        x = builder.add(a, builder.add(builder.mul(p.index, outer), builder.mul(q.index, inner)))
        y = builder.add(b, builder.add(builder.mul(p.index, b_outer), builder.mul(q.index, b_inner)))
        chunk_bytes = builder.mul(b_row, I64(STEPS))
        with cgutils.for_range(builder, chunks) as k:
            multiply(builder.add(x, builder.mul(k.index, I64(64))), builder.add(y, builder.mul(k.index, chunk_bytes)),
                     (2, 7), (3, 4))
        if len(starts) == 1:
            with builder.if_then(builder.icmp_signed(">", remainder, I64(0))):
                multiply(builder.add(x, builder.mul(chunks, I64(64))), builder.add(y, builder.mul(chunks, chunk_bytes)),
                         (5,), (6, 7))
    for i, j, _ in places:
        at = builder.add(builder.add(c, I64(64 * j)), builder.mul(starts[i], c_row))
        _call(builder, "tilestored64", I8(c_registers[i][j]), builder.inttoptr(at, I8.as_pointer()), c_row)


def _chunks(builder, K):
    """Split K into (steps per chunk, number of whole chunks, remaining steps). K ≤ 16 counts as one whole chunk."""
    short = builder.icmp_signed("<", K, I64(STEPS))
    none = builder.icmp_signed("==", K, I64(0))
    chunks = builder.select(short, builder.select(none, I64(0), I64(1)), builder.udiv(K, I64(STEPS)))
    return emit_smaller(builder, K, I64(STEPS)), chunks, builder.select(short, I64(0), builder.urem(K, I64(STEPS)))


def _load(builder, register, address, stride):
    _call(builder, "tileloadd64", I8(register), builder.inttoptr(address, I8.as_pointer()), stride)


def _load_once(builder, register, address, stride):
    """Load with a non-temporal hint: b is used by only 32 rows, and should not evict a, which many panels reuse, from the first
    cache.
    """
    _call(builder, "tileloaddt164", I8(register), builder.inttoptr(address, I8.as_pointer()), stride)


def _put(builder, address, value):
    builder.store(value, builder.inttoptr(address, value.type.as_pointer())).align = 1


def _call(builder, name, *arguments):
    kind = ir.FunctionType(VOID, [argument.type for argument in arguments])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}"), arguments)
