"""Convolutions that make one register of channels: tiles whose rows share their numbers.

Neighbouring pixels of a result look at the same pixels of the image, s·C numbers apart. An ordinary tile of one register of
columns loads a number for every multiply-add, and loading is what it then waits for. Here each number is loaded once and
meets the weights of all places q of the kernel where it is wanted:

    c[r, j] = Σ_p Σ_k Σ_q  a[(r·s + q)·pixel + p·outer + k] · b[p, k, q, j]          p < P,  k < C,  q < Q

One step (p, k) of R rows loads Q registers of b and (R − 1)·s + Q numbers for R·Q multiply-adds. Where fewer rows are left
than the smallest tile has, an ordinary one adds up in the same order, to the same bits.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnlite.kernels.machine.threads import inner_kernel
from nnlite.kernels.simd.instructions import (
    I1,
    I64,
    ITEM_BYTES,
    LLVM_TYPE,
    call_own_function,
    emit_load,
    emit_load_spread,
    emit_mask,
    emit_store,
    lane_count,
)
from nnlite.kernels.simd.level import LEVEL
from nnlite.kernels.simd.strip import strip
from nnlite.kernels.simd.tile import fma
from nnlite.kernels.simd.vector import item_bytes

KERNEL = 3  # places side by side, of the kernels that slide
MANY_REGISTERS = LEVEL.registers == 32  # room for the sums of 16 rows


def slides(w_shape, stride, dilation, dtype, rest=0):
    """Whether a convolution w (G, kh, kw, c, o) of this dtype, without its last `rest` channels, is one for this file.

    Fewer channels than a quarter of a register are left to plans, which put more pixels side by side than a tile here knows.
    """
    G, _, kw, _, o = w_shape
    lanes = LEVEL.vector_bytes // dtype.itemsize
    return G == stride[1] == dilation[1] == 1 and kw == KERNEL and lanes // 4 < o - rest <= lanes


def make_sliding_tile(rows, Q, s):
    """The tile of this file as a function that Numba code can call.

    tile(like, a, pixel, outer, P, C, b, b_row, c, c_row, columns, count): addresses, strides in bytes and counts, as in
    `nnlite.kernels.simd.tile`; b (P, Q, C, LANES) with b_row bytes from one k to the next. Only `columns` are written.
    """

    @intrinsic
    def tile(typingctx, like, a, pixel, outer, P, C, b, b_row, c, c_row, columns, count):
        def codegen(context, builder, signature, arguments):
            if isinstance(like.dtype, types.Float):  # integers never slide, and so need no code
                call_own_function(builder, f"nnlite_sliding_tile_{rows}_{Q}_{s}_{like.dtype}", arguments[1:],
                                  lambda inner, *numbers: _emit_tile(inner, like.dtype, rows, Q, s, *numbers))
            return context.get_dummy_value()

        return types.void(like, *[types.intp] * 11), codegen

    return tile


def _emit_tile(builder, dtype, rows, Q, s, a, pixel, outer, P, C, b, b_row, c, c_row, columns, count):
    width = lane_count(dtype)
    vector, all_lanes = ir.VectorType(LLVM_TYPE[dtype], width), ir.Constant(ir.VectorType(I1, width), [True] * width)
    mask = emit_mask(builder, columns, 0, width)
    sums = [cgutils.alloca_once(builder, vector) for _ in range(rows)]
    pixel_offsets = [builder.mul(pixel, I64(i)) for i in range((rows - 1) * s + Q)]
    q_offsets = [builder.mul(builder.mul(b_row, C), I64(q)) for q in range(Q)]
    b_outer = builder.mul(builder.mul(b_row, C), I64(Q))

    with cgutils.for_range(builder, count) as tile:
        first_row = builder.mul(tile.index, I64(rows))
        a_tile, c_tile = builder.add(a, builder.mul(builder.mul(first_row, I64(s)), pixel)), builder.mul(first_row, c_row)
        for r in range(rows):
            builder.store(ir.Constant(vector, None), sums[r])

        with cgutils.for_range(builder, P) as p:
            a_run, b_run = builder.add(a_tile, builder.mul(p.index, outer)), builder.add(b, builder.mul(p.index, b_outer))
            with cgutils.for_range(builder, C) as k:
                x = builder.add(a_run, builder.mul(k.index, I64(ITEM_BYTES[dtype])))
                y = builder.add(b_run, builder.mul(k.index, b_row))
                b_vectors = [emit_load(builder, builder.add(y, offset), vector, all_lanes) for offset in q_offsets]
                for i, offset in enumerate(pixel_offsets):
                    number = emit_load_spread(builder, builder.add(x, offset), vector)
                    for q in range(Q):
                        r, between = divmod(i - q, s)  # pixel i is at place q of row r's patch
                        if between == 0 and 0 <= r < rows:
                            builder.store(fma(builder, number, b_vectors[q], builder.load(sums[r])), sums[r])

        for r in range(rows):
            address = builder.add(builder.add(c, c_tile), builder.mul(c_row, I64(r)))
            emit_store(builder, builder.load(sums[r]), address, mask)


_tile_8, _tile_16 = make_sliding_tile(8, KERNEL, 1), make_sliding_tile(16, KERNEL, 1)
_pairs_8, _pairs_16 = make_sliding_tile(8, KERNEL + 1, 2), make_sliding_tile(16, KERNEL + 1, 2)


@inner_kernel
def sliding_strip(like, a, pixel, s, outer, P, C, b, b_row, c, c_row, M, N):
    """The formula of this file for r < M rows and j < N columns; s = 1 and Q = 3, or s = 2 and Q = 4 for pairs of pixels.

    As in `strip`, a tile that would pass the last row is shifted back to end there.
    """
    m, Q = 0, s + 2
    if MANY_REGISTERS and M >= 16:
        if s == 1:
            _tile_16(like, a, pixel, outer, P, C, b, b_row, c, c_row, N, M // 16)
        else:
            _pairs_16(like, a, pixel, outer, P, C, b, b_row, c, c_row, N, M // 16)
        m = M // 16 * 16
    if M >= 8:
        while m < M:
            m, count = min(m, M - 8), max(1, (M - m) // 8)
            a_m, c_m = a + m * s * pixel, c + m * c_row
            if s == 1:
                _tile_8(like, a_m, pixel, outer, P, C, b, b_row, c_m, c_row, N, count)
            else:
                _pairs_8(like, a_m, pixel, outer, P, C, b, b_row, c_m, c_row, N, count)
            m += 8 * count
    else:
        strip(like, a, s * pixel, outer, P, item_bytes(like), C, pixel, Q, b, Q * C * b_row, b_row, C * b_row, c, c_row, M, N)
