"""The register tile: the one loop that every matrix product and convolution of the project runs through.

A tile is R rows by V vectors of the result, kept in the processor's SIMD registers while a sum runs over them:

    c[r, j] = Σ_p Σ_q Σ_k  a[r·row + p·outer + q·inner + k·step] · b[p·b_outer + q·b_inner + k·b_row + j]

    r < R rows,  j < columns ≤ V·LANES,  p < P,  q < Q,  k < K

Each step k loads V vectors of b, and for each row one number of a, spread over all lanes: R·V multiply-adds for R + V
loads. Only the strides say what the product means:

    matrix product    P = Q = 1, step = one element (or one row: then a is transposed)
    convolution       P = kernel rows, Q·K = one row of the patch; "row r of a" is the image shifted by r pixels
    its weight's      P = images, Q = image rows, K = pixels of a row, b = dy: a sum over every pixel
      gradient

A depthwise tile reads a[… + j]: lane j of a is multiplied by lane j of b, instead of one number of a by all lanes of b.

The tile is the body of an LLVM function. Python loops write it once, while Numba compiles: `for r in range(rows)` below is
unrolled. Nothing is copied, packed or padded: the last columns are read and written under a mask.

Integers: a holds uint8, b int8 in groups of four consecutive k per column, c int32. One step then covers four k: the same 32
bits of a go to all lanes, and `dot4` adds four products in each lane, exactly. A depthwise step covers one k: each lane
holds one byte of a, widened with zeros.
"""

from typing import NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnlite.kernels.simd.instructions import (
    I1,
    I32,
    I64,
    LLVM_TYPE,
    call_own_function,
    emit_call,
    emit_load,
    emit_load_bytes,
    emit_load_spread,
    emit_mask,
    emit_spread,
    emit_store,
    lane_count,
)
from nnlite.kernels.simd.level import LEVEL


class Terms(NamedTuple):
    """The sum of each number of a result: P·Q·K steps, and by how many bytes each index moves on.

    For one step of p, q and k: outer, inner and step bytes through a, and b_outer, b_inner and b_row bytes through b.
    """

    P: int
    Q: int
    K: int
    outer: int
    inner: int
    step: int
    b_outer: int
    b_inner: int
    b_row: int


TERMS = types.NamedUniTuple(types.intp, len(Terms._fields), Terms)  # the type that Numba gives them


class Shape(NamedTuple):
    """What a tile is, known while compiling: see `make_tile`."""

    dtype: types.Type
    rows: int
    vectors: int
    whole: bool
    depthwise: bool
    short: bool


def call_tile(builder, name, arguments, emit):
    """`call_own_function` with (terms, *others): emit(builder, terms, *others) writes the body of the function."""
    terms, *others = arguments
    terms, count = cgutils.unpack_tuple(builder, terms), len(Terms._fields)
    call_own_function(builder, name, [*terms, *others],
                      lambda inner, *numbers: emit(inner, Terms(*numbers[:count]), *numbers[count:]))


def make_tile(rows, vectors, whole=False, depthwise=False, short=False):
    """A tile of `rows` × `vectors` registers as a function that Numba code can call; a depthwise tile has one vector.

    tile(like, terms, a, row, b, c, c_row, columns, count): `like` is c's dtype, or any array of it; terms are `Terms`; a, b, c
    are addresses; row and c_row are strides in bytes. If `columns` exceeds the tile's width, only its width is computed. No
    number of a or b outside the rows and columns that are named is read.
    `count`: how many tiles to compute, stacked downwards. A short tile is called once; there `count` is its number of rows, and
    the missing rows repeat the last one.
    whole: always compute the whole width, without a mask. A masked load also occupies one of the two multipliers.
    """

    @intrinsic
    def tile(typingctx, like, terms, a, row, b, c, c_row, columns, count):
        def codegen(context, builder, signature, arguments):
            shape = Shape(like.dtype, rows, vectors, whole, depthwise, short)
            size = f"{rows}x{vectors}{'_whole' * whole}{'_depthwise' * depthwise}{'_short' * short}_{like.dtype}"
            call_tile(builder, f"nnlite_tile_{size}", arguments[1:],
                      lambda inner, *numbers: _emit_tile(inner, shape, *numbers))
            return context.get_dummy_value()

        return types.void(like, TERMS, *[types.intp] * 7), codegen

    return tile


def _emit_tile(builder, shape, terms, a, row, b, c, c_row, columns, count):
    dtype, rows, vectors, whole, depthwise, short = shape
    P, Q, K, outer, inner, step, b_outer, b_inner, b_row = terms
    width = lane_count(dtype)
    vector = ir.VectorType(LLVM_TYPE[dtype], width)
    all_lanes = ir.Constant(ir.VectorType(I1, width), [True] * width)
    masks = [all_lanes if whole else emit_mask(builder, columns, v * width, width) for v in range(vectors)]
    sums = [[cgutils.alloca_once(builder, vector) for _ in range(vectors)] for _ in range(rows)]
    numbers_of_rows = [I64(r) for r in range(rows)]
    if short:
        last, count = builder.sub(count, I64(1)), I64(1)
        numbers_of_rows = [builder.select(builder.icmp_signed("<", r, last), r, last) for r in numbers_of_rows]
    row_offsets = [builder.mul(row, r) for r in numbers_of_rows]
    multiply_add = dot4 if dtype == types.int32 else fma

    def at(start, *terms):
        for index, stride in terms:
            start = builder.add(start, builder.mul(index, stride))
        return start

    with cgutils.for_range(builder, count) as tile:
        first_row = builder.mul(tile.index, I64(rows))
        for r in range(rows):
            for v in range(vectors):
                builder.store(ir.Constant(vector, None), sums[r][v])

        with cgutils.for_range(builder, P) as p, cgutils.for_range(builder, Q) as q:
            run = at(a, (first_row, row), (p.index, outer), (q.index, inner))
            b_run = at(b, (p.index, b_outer), (q.index, b_inner))
            with cgutils.for_range(builder, K) as k:
                x, y = at(run, (k.index, step)), at(b_run, (k.index, b_row))
                b_vectors = [emit_load(builder, at(y, (I64(v), I64(LEVEL.vector_bytes))), vector, masks[v])
                             for v in range(vectors)]
                for r in range(rows):
                    x_row = builder.add(x, row_offsets[r])
                    number = (_load_lanes(builder, x_row, vector, masks[0]) if depthwise
                              else emit_load_spread(builder, x_row, vector))
                    for v in range(vectors):
                        builder.store(multiply_add(builder, number, b_vectors[v], builder.load(sums[r][v])), sums[r][v])

        for r in range(rows):
            for v in range(vectors):
                address = at(c, (first_row, c_row), (numbers_of_rows[r], c_row), (I64(v), I64(LEVEL.vector_bytes)))
                emit_store(builder, builder.load(sums[r][v]), address, masks[v])


def _load_lanes(builder, address, vector, mask):
    """One number for each lane: floats, or bytes widened with zeros."""
    return (emit_load_bytes if vector.element == I32 else emit_load)(builder, address, vector, mask)


def fma(builder, x, y, total):
    """total + x·y, rounded once."""
    return emit_call(builder, "llvm.fma", x, y, total)


def dot4(builder, x, y, total):
    """total + Σ of four products uint8·int8 in each 32-bit lane, exactly, with the instructions of the SIMD level.

    AVX2's vpmaddubsw is not used, because it saturates at 16 bits: 211·71 + 171·107 would come out as 32767.
    """
    if LEVEL.dot4 == "vpdpbusd":
        kind = ir.FunctionType(x.type, [x.type] * 3)
        name = f"llvm.x86.avx512.vpdpbusd.{8 * LEVEL.vector_bytes}"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [total, x, y])
    if LEVEL.dot4 == "vpmaddwd":
        return _dot4_by_halves(builder, x, y, total)
    for byte in range(4):
        up = emit_spread(builder, I32(24 - 8 * byte), x.type)
        down = emit_spread(builder, I32(24), x.type)
        unsigned = builder.lshr(builder.shl(x, up), down)
        signed = builder.ashr(builder.shl(y, up), down)
        total = builder.add(total, builder.mul(unsigned, signed))
    return total


def _dot4_by_halves(builder, x, y, total):
    """Widen the even bytes of each lane, and then the odd ones, to 16 bits; vpmaddwd multiplies pairs of them and adds."""
    wide = ir.VectorType(ir.IntType(16), 2 * x.type.count)
    x, y = builder.bitcast(x, wide), builder.bitcast(y, wide)
    eight = ir.Constant(wide, [8] * wide.count)
    even = builder.lshr(builder.shl(x, eight), eight), builder.ashr(builder.shl(y, eight), eight)
    odd = builder.lshr(x, eight), builder.ashr(y, eight)
    kind = ir.FunctionType(total.type, [wide, wide])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx2.pmadd.wd")
    for half in (even, odd):
        total = builder.add(total, builder.call(function, half))
    return total
