"""Convolutions that make one register of channels: tiles whose rows share their numbers.

Neighbouring pixels of a result look at the same pixels of the image. An ordinary tile with one register of columns loads one
number of a for every multiply-add, and where a processor multiplies faster than it loads, the tile waits. This tile loads each
number of a once and multiplies it by the weights of all Q = 3 places q of the kernel's row:

    c[r, j] = Σ_p Σ_k Σ_q  a[(r + q)·pixel + p·outer + k] · b[p, q, k, j]          p < P,  k < C,  q < Q

One step (p, k) of R rows loads Q registers of b and R − 1 + Q numbers of a for R·Q multiply-adds. If fewer rows are left than
the smallest tile has, an ordinary tile adds up in the same order, to the same bits.

Measured gain, on one thread: on an Intel Xeon, inference of resnet with 64 images 16.2 -> 14.4 ms, of cnn 6 %; on an AMD EPYC
(Zen 4), whose loads keep up, 2 % at most in training and inference of the bench's four models.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.simd.instructions import (
    I1,
    I64,
    ITEM_BYTES,
    LLVM_TYPE,
    emit_load,
    emit_load_spread,
    emit_mask,
    emit_store,
    lane_count,
)
from nnlite.kernels.simd.level import LEVEL
from nnlite.kernels.simd.strip import strip
from nnlite.kernels.simd.tile import TERMS, Terms, call_tile, fma
from nnlite.kernels.simd.vector import item_bytes

Q = np.intp(3)  # places side by side in a row of the kernels that slide
MANY_REGISTERS = LEVEL.registers == 32  # room for the sums of 16 rows


def slides(w_shape, stride, dilation, dtype, rest=0):
    """Whether a convolution w (G, kh, kw, c, o) of this dtype, without its last `rest` channels, is one for this file."""
    G, _, kw, _, o = w_shape
    lanes = LEVEL.vector_bytes // dtype.itemsize
    return G == stride[1] == dilation[1] == 1 and kw == Q and 0 < o - rest <= lanes


def make_sliding_tile(rows):
    """The tile of this file as a function that Numba code can call.

    tile(like, terms, a, pixel, b, c, c_row, columns, count): as in `nnlite.kernels.simd.tile`, of the same terms as an ordinary
    tile: P runs of Q·C numbers. So b is (P, Q, C, LANES), b_row bytes from one k to the next. Only `columns` are written.
    """

    @intrinsic
    def tile(typingctx, like, terms, a, pixel, b, c, c_row, columns, count):
        def codegen(context, builder, signature, arguments):
            if isinstance(like.dtype, types.Float):  # integers never slide, and so need no code
                call_tile(builder, f"nnlite_sliding_tile_{rows}_{like.dtype}", arguments[1:],
                          lambda inner, *numbers: _emit_tile(inner, like.dtype, rows, *numbers))
            return context.get_dummy_value()

        return types.void(like, TERMS, *[types.intp] * 7), codegen

    return tile


def _emit_tile(builder, dtype, rows, terms, a, pixel, b, c, c_row, columns, count):
    width, b_row, C = lane_count(dtype), terms.b_row, builder.udiv(terms.K, I64(Q))
    vector, all_lanes = ir.VectorType(LLVM_TYPE[dtype], width), ir.Constant(ir.VectorType(I1, width), [True] * width)
    mask = emit_mask(builder, columns, 0, width)
    sums = [cgutils.alloca_once(builder, vector) for _ in range(rows)]
    pixel_offsets = [builder.mul(pixel, I64(i)) for i in range(rows - 1 + Q)]
    q_offsets = [builder.mul(builder.mul(b_row, C), I64(q)) for q in range(Q)]

    with cgutils.for_range(builder, count) as tile:
        first_row = builder.mul(tile.index, I64(rows))
        a_tile, c_tile = builder.add(a, builder.mul(first_row, pixel)), builder.mul(first_row, c_row)
        for r in range(rows):
            builder.store(ir.Constant(vector, None), sums[r])

        with cgutils.for_range(builder, terms.P) as p:
            a_run = builder.add(a_tile, builder.mul(p.index, terms.outer))
            b_run = builder.add(b, builder.mul(p.index, terms.b_outer))
            with cgutils.for_range(builder, C) as k:
                x = builder.add(a_run, builder.mul(k.index, I64(ITEM_BYTES[dtype])))
                y = builder.add(b_run, builder.mul(k.index, b_row))
                b_vectors = [emit_load(builder, builder.add(y, offset), vector, all_lanes) for offset in q_offsets]
                for i, offset in enumerate(pixel_offsets):
                    number = emit_load_spread(builder, builder.add(x, offset), vector)
                    for q in range(Q):
                        r = i - q  # pixel i is at place q of row r's patch
                        if 0 <= r < rows:
                            builder.store(fma(builder, number, b_vectors[q], builder.load(sums[r])), sums[r])

        for r in range(rows):
            address = builder.add(builder.add(c, c_tile), builder.mul(c_row, I64(r)))
            emit_store(builder, builder.load(sums[r]), address, mask)


_tile_8, _tile_16 = make_sliding_tile(8), make_sliding_tile(16)


@inner_kernel
def sliding_strip(like, terms, a, pixel, b, c, c_row, M, N):
    """The formula of this file for r < M rows and j < N columns; terms, as for `strip`, of P runs of Q·C numbers.

    As in `strip`, a tile that would pass the last row is shifted back to end there.
    """
    m = 0
    if MANY_REGISTERS and M >= 16:
        _tile_16(like, terms, a, pixel, b, c, c_row, N, M // 16)
        m = M // 16 * 16
    if M >= 8:
        while m < M:
            m, count = min(m, M - 8), max(1, (M - m) // 8)
            _tile_8(like, terms, a + m * pixel, pixel, b, c + m * c_row, c_row, N, count)
            m += 8 * count
    else:
        C = terms.K // Q
        in_order = Terms(terms.P, C, Q, terms.outer, item_bytes(like), pixel, terms.b_outer, terms.b_row, C * terms.b_row)
        strip(like, in_order, a, pixel, b, c, c_row, M, N)
