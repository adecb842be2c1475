"""The register tile: the one loop that every matrix product and convolution of the project runs through.

A tile is R rows by V vectors of the result, kept in the processor's SIMD registers while a sum runs over them:

    c[r, j] = Σ_p Σ_q Σ_k  a[r·row + p·outer + q·inner + k·step] · b[((p·Q + q)·K + k)·b_row + j]

    r < R rows,  j < columns ≤ V·LANES,  p < P,  q < Q,  k < K

Each step k loads V vectors of b, and for each row one number of a, spread over all lanes: R·V multiply-adds for R + V
loads. Only the strides say what the product means:

    matrix product    P = Q = 1, step = one element (or one row: then a is transposed)
    convolution       P = kernel rows, Q·K = one row of the patch; "row r of a" is the image shifted by r pixels
    its weight's      P = images, Q = image rows, K = pixels of a row, b = dy: a sum over every pixel
      gradient

The tile is an LLVM function body, made by Python loops that run once, while Numba compiles: `for r in range(rows)` below
unrolls. Nothing is copied, packed or padded: the last columns are read and written under a mask.

Integers: a holds uint8, b int8 in groups of four consecutive k per column, c int32. One step then stands for four k: the
same 32 bits of a go to all lanes, and `dot4` adds four products in each lane, exactly.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnlite.kernels.simd import LEVEL

I8, I32, INTP = ir.IntType(8), ir.IntType(32), ir.IntType(64)
LLVM_TYPE = {types.float32: ir.FloatType(), types.float64: ir.DoubleType(), types.int32: I32}
ITEM_BYTES = {types.float32: 4, types.float64: 8, types.int32: 4}


def lanes(dtype):
    """How many numbers of `dtype` (a Numba type) one register holds."""
    return LEVEL.vector_bytes // ITEM_BYTES[dtype]


def make_tile(rows, vectors):
    """A tile of `rows` × `vectors` registers as a function that Numba code can call.

    tile(like, a, row, outer, P, inner, Q, step, K, b, b_row, c, c_row, columns): `like` is any array whose dtype is c's;
    a, b, c are addresses, the strides bytes, the rest counts. Where columns exceeds the tile's width, only its width is
    done; reads of a and b stay inside the rows and columns named.
    """

    @intrinsic
    def tile(typingctx, like, a, row, outer, P, inner, Q, step, K, b, b_row, c, c_row, columns):
        def codegen(context, builder, signature, arguments):
            dtype = signature.args[0].dtype
            numbers = [context.cast(builder, value, kind, types.intp)
                       for value, kind in zip(arguments[1:], signature.args[1:], strict=True)]
            _emit_tile(builder, dtype, rows, vectors, *numbers)
            return context.get_dummy_value()

        return types.void(like, a, row, outer, P, inner, Q, step, K, b, b_row, c, c_row, columns), codegen

    return tile


def _emit_tile(builder, dtype, rows, vectors, a, row, outer, P, inner, Q, step, K, b, b_row, c, c_row, columns):
    element, width = LLVM_TYPE[dtype], lanes(dtype)
    vector = ir.VectorType(element, width)
    masks = [_first_lanes(builder, columns, v * width, width) for v in range(vectors)]
    sums = [[cgutils.alloca_once_value(builder, ir.Constant(vector, None)) for _ in range(vectors)] for _ in range(rows)]
    b_now = cgutils.alloca_once_value(builder, b)
    row_offsets = [builder.mul(row, INTP(r)) for r in range(rows)]
    multiply_add = _dot4 if dtype == types.int32 else _fma

    with cgutils.for_range(builder, P) as p, cgutils.for_range(builder, Q) as q:
        run = builder.add(a, builder.add(builder.mul(p.index, outer), builder.mul(q.index, inner)))
        with cgutils.for_range(builder, K) as k:
            x = builder.add(run, builder.mul(k.index, step))
            b_address = builder.load(b_now)
            b_vectors = [_load(builder, builder.add(b_address, INTP(v * LEVEL.vector_bytes)), vector, masks[v])
                         for v in range(vectors)]
            builder.store(builder.add(b_address, b_row), b_now)
            for r in range(rows):
                spread = _splat(builder, builder.add(x, row_offsets[r]), vector)
                for v in range(vectors):
                    builder.store(multiply_add(builder, spread, b_vectors[v], builder.load(sums[r][v])), sums[r][v])

    for r in range(rows):
        for v in range(vectors):
            address = builder.add(c, builder.add(builder.mul(c_row, INTP(r)), INTP(v * LEVEL.vector_bytes)))
            _store(builder, builder.load(sums[r][v]), address, vector, masks[v])


def _first_lanes(builder, columns, start, width):
    """A mask of the lanes start, start + 1, … that lie below `columns`."""
    numbers = ir.Constant(ir.VectorType(INTP, width), [start + lane for lane in range(width)])
    return builder.icmp_signed("<", numbers, _spread(builder, columns, ir.VectorType(INTP, width)))


def _load(builder, address, vector, mask):
    pointer = builder.inttoptr(address, vector.as_pointer())
    name = f"llvm.masked.load.{_mangle(vector)}.p0"
    kind = ir.FunctionType(vector, [vector.as_pointer(), I32, mask.type, vector])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, [pointer, I32(1), mask, ir.Constant(vector, None)])


def _store(builder, value, address, vector, mask):
    pointer = builder.inttoptr(address, vector.as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [vector, vector.as_pointer(), I32, mask.type])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.store.{_mangle(vector)}.p0")
    builder.call(function, [value, pointer, I32(1), mask])


def _splat(builder, address, vector):
    """The number at `address` in every lane."""
    value = builder.load(builder.inttoptr(address, vector.element.as_pointer()))
    value.align = 1
    return _spread(builder, value, vector)


def _spread(builder, scalar, vector):
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, I32(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(I32, vector.count), [0] * vector.count))


def _fma(builder, x, y, total):
    """total + x·y, rounded once."""
    kind = ir.FunctionType(x.type, [x.type] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.{_mangle(x.type)}")
    return builder.call(function, [x, y, total])


def _dot4(builder, x, y, total):
    """total + Σ of four uint8·int8 in each 32-bit lane, exactly, in the way of the SIMD level.

    AVX2's own vpmaddubsw is not used: it saturates at 16 bits (211·71 + 171·107 would come out as 32767).
    """
    if LEVEL.dot4 == "vpdpbusd":
        kind = ir.FunctionType(x.type, [x.type] * 3)
        name = f"llvm.x86.avx512.vpdpbusd.{8 * LEVEL.vector_bytes}"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [total, x, y])
    if LEVEL.dot4 == "vpmaddwd":
        return _dot4_by_halves(builder, x, y, total)
    for byte in range(4):
        up = _spread(builder, I32(24 - 8 * byte), x.type)
        down = _spread(builder, I32(24), x.type)
        unsigned = builder.lshr(builder.shl(x, up), down)
        signed = builder.ashr(builder.shl(y, up), down)
        total = builder.add(total, builder.mul(unsigned, signed))
    return total


def _dot4_by_halves(builder, x, y, total):
    """The even bytes of each lane and the odd ones, widened to 16 bits; vpmaddwd multiplies pairs of these and adds them."""
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


def _mangle(vector):
    letter = {"float": "f32", "double": "f64", "i32": "i32"}[str(vector.element)]
    return f"v{vector.count}{letter}"
