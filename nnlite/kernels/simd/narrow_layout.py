"""The layout of b for the tiles of `narrow`: the order in which a tile reads it.

The columns of each tile follow those of the tile before. For one tile, b[p, k, n] is stored as (P, ⌈K/G⌉, columns of the
tile, G), with zeros past K and N, so that a step of the tile reads two neighbouring registers.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.threads import parallel_kernel
from nnlite.kernels.simd.instructions import I32, I64, LLVM_TYPE, call_own_function, emit_load, emit_mask, lane_count
from nnlite.kernels.simd.level import LEVEL
from nnlite.kernels.simd.narrow import VECTORS, laid_out_size, narrow_width
from nnlite.kernels.simd.vector import item_bytes, lanes, load, store


def make_interleaving(G):
    """interleave(like, b, b_row, K, columns, target): lay out the columns of one tile, from contiguous rows of b."""

    @intrinsic
    def interleave(typingctx, like, b, b_row, K, columns, target):
        def codegen(context, builder, signature, arguments):
            if isinstance(like.dtype, types.Float) and G <= lane_count(like.dtype):
                call_own_function(builder, f"nnlite_interleave_{G}_{like.dtype}", arguments[1:],
                                  lambda inner, *numbers: _emit_interleaving(inner, like.dtype, G, *numbers))
            return context.get_dummy_value()

        return types.void(like, *[types.intp] * 5), codegen

    return interleave


def _emit_interleaving(builder, dtype, G, b, b_row, K, columns, target):
    """G rows at a time become two registers: first numbers of rows G/2 apart are made to alternate, then of rows G/4 apart, and
    so on down to neighbouring rows.
    """
    width, vector_bytes = lane_count(dtype), I64(LEVEL.vector_bytes)
    vector = ir.VectorType(LLVM_TYPE[dtype], width)
    first, second = (ir.Constant(ir.VectorType(I32, width), [start + lane // 2 + lane % 2 * width for lane in range(width)])
                     for start in (0, width // 2))
    to = cgutils.alloca_once_value(builder, target)
    with cgutils.for_range_slice(builder, I64(0), K, I64(G)) as (k, _):
        rows = []
        for i in range(G):
            at = builder.add(k, I64(i))
            left = builder.select(builder.icmp_signed("<", at, K), columns, I64(0))
            rows.append(emit_load(builder, builder.add(b, builder.mul(at, b_row)), vector, emit_mask(builder, left, 0, width)))
        while len(rows) > 2:
            half = len(rows) // 2
            rows = [builder.shuffle_vector(x, y, first) for x, y in zip(rows[:half], rows[half:], strict=True)]
        for places in (first, second):
            numbers, address = builder.shuffle_vector(*rows, places), builder.load(to)
            builder.store(numbers, builder.inttoptr(address, vector.as_pointer())).align = 1
            builder.store(builder.add(address, vector_bytes), to)


_interleave_4, _interleave_8, _interleave_16 = make_interleaving(4), make_interleaving(8), make_interleaving(16)


@inner_kernel
def lay_out_columns(like, b, b_outer, b_row, b_step, P, K, N, target):
    """Write the layout of b[p, k, n], whose rows or columns are contiguous, from address `target` on. Strides are bytes."""
    size, n = item_bytes(like), 0
    while n < N:
        width, left = narrow_width(N - n, lanes(like)), N - n
        G = VECTORS * lanes(like) // width
        for p in range(P):
            b_p = b + p * b_outer + n * b_step
            if b_step != size:
                for j in range(width):
                    for k in range(0, K, G):
                        numbers = load(like, b_p + j * b_step + k * size, min(G, K - k) if j < left else 0)
                        store(target + (k * width + j * G) * size, numbers, G)
            elif G == 4:
                _interleave_4(like, b_p, b_row, K, left, target)
            elif G == 8:
                _interleave_8(like, b_p, b_row, K, left, target)
            else:
                _interleave_16(like, b_p, b_row, K, left, target)
            target += laid_out_size(K, width, lanes(like)) * size
        n += width


@parallel_kernel
def lay_out_narrow(w, first, target, start):
    """Write the layout of the columns of w (P, K, N) from `first` on into the array `target`, from its element `start` on."""
    (P, K, N), (outer, row, step) = w.shape, w.strides
    lay_out_columns(w.dtype, w.ctypes.data + first * step, outer, row, step, P, K, N - first,
                  np.intp(target.ctypes.data) + start * w.itemsize)
