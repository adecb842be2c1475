"""Matrix products with few columns: one register holds G consecutive terms k of the sum for each column.

The ordinary tile puts one column into each lane, so with few columns most lanes are idle. This tile gives each column G lanes,
one for each of G consecutive k, and adds the G partial sums at the end. A tile has ROWS rows and two registers of sums:

    s[r, j, i] = Σ_p Σ_k  a[r·row + p·outer + (k + i)·step] · b[p, k + i, j]       i < G,  k = 0, G, 2G, …  < K
    c[r, j] = Σ_i s[r, j, i]

A step loads G numbers of a row of a, repeats them over a register, and multiplies them by two registers of b. The sums of a row
are added in an order that does not depend on the other rows, so a row has the same bits whatever rows are computed with it.

    G                           4          8          16         no more than LANES
    columns, 2·LANES / G        LANES/2    LANES/4    LANES/8

Measured gain, on one thread of an AMD EPYC with AVX-512: float32 inference of lenet-5, whose layers have 20, 50, 500 and
10 columns, 8 % (one image) and 15 % (64 images); of the other three models of the bench 2 % at most.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnlite.kernels.machine.cache import njit
from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.simd.instructions import (
    I1,
    I32,
    I64,
    ITEM_BYTES,
    LLVM_TYPE,
    emit_load,
    emit_mask,
    emit_smaller,
    emit_store,
    lane_count,
)
from nnlite.kernels.simd.level import LEVEL
from nnlite.kernels.simd.strip import NONE, ONE
from nnlite.kernels.simd.tile import TERMS, Terms, call_tile, fma
from nnlite.kernels.simd.vector import item_bytes, lanes

VECTOR_BYTES = LEVEL.vector_bytes
VECTORS, ROWS = 2, LEVEL.registers // 4  # of a tile
CACHED = 2**15  # bytes of rows that stay in the first cache together with b


@njit(cache=True)
def narrow_columns(K, N, itemsize):
    """How many of the last columns of N to compute with this tile: N mod lanes if that fills at most ¾ of a register and
    K ≥ 2·lanes, else 0. With more columns or a shorter sum, the layout and the adding up of lanes cost more than idle lanes.
    """
    lanes = VECTOR_BYTES // itemsize
    rest = N % lanes
    return rest if lanes >= 4 and 4 * rest <= 3 * lanes and K >= 2 * lanes else 0


@njit(cache=True)
def narrow_width(N, lanes):
    """Columns of the narrowest tile that has room for N columns; if none has, those of the widest."""
    width = lanes // 2
    while width > VECTORS and 2 * N <= width:
        width //= 2
    return width


@njit(cache=True)
def laid_out_size(K, N, lanes):
    """How many numbers `narrow_layout` writes for N columns of one run of K numbers."""
    size = n = 0
    while n < N:
        width = narrow_width(N - n, lanes)
        G = VECTORS * lanes // width
        size, n = size + (K + G - 1) // G * G * width, n + width
    return size


def make_narrow_tile(G):
    """tile(like, terms, a, row, b, c, c_row, columns, M): the formula above for r < M and j < columns.

    Addresses, strides in bytes and counts are those of `tile`. Of the terms, only P, K and outer count: b is laid out by
    `narrow_layout`. No number of a beyond its last row, run or k is read.
    """

    @intrinsic
    def tile(typingctx, like, terms, a, row, b, c, c_row, columns, M):
        def codegen(context, builder, signature, arguments):
            if isinstance(like.dtype, types.Float) and G <= lane_count(like.dtype):
                size = f"{G}x{VECTORS * lane_count(like.dtype) // G}"
                call_tile(builder, f"nnlite_narrow_tile_{size}_{like.dtype}", arguments[1:],
                          lambda inner, *numbers: _emit_tile(inner, like.dtype, G, *numbers))
            return context.get_dummy_value()

        return types.void(like, TERMS, *[types.intp] * 7), codegen

    return tile


def _emit_tile(builder, dtype, G, terms, a, row, b, c, c_row, columns, M):
    """If fewer than ROWS rows are left, the tile computes the last one several times."""
    P, K, outer = terms.P, terms.K, terms.outer
    width, size = lane_count(dtype), I64(ITEM_BYTES[dtype])
    vector, all_lanes = ir.VectorType(LLVM_TYPE[dtype], width), ir.Constant(ir.VectorType(I1, width), [True] * width)
    sums = [[cgutils.alloca_once(builder, vector) for _ in range(VECTORS)] for _ in range(ROWS)]
    whole, remainder, step_bytes = builder.sdiv(K, I64(G)), builder.srem(K, I64(G)), I64(VECTORS * LEVEL.vector_bytes)
    some = builder.icmp_signed(">", remainder, I64(0))
    b_outer = builder.mul(step_bytes, builder.add(whole, builder.zext(some, I64(0).type)))
    written = emit_mask(builder, columns, 0, width)

    def add_products(a_at, b_at, mask):
        b_vectors = [emit_load(builder, builder.add(b_at, I64(v * LEVEL.vector_bytes)), vector, all_lanes)
                     for v in range(VECTORS)]
        for r in range(ROWS):
            numbers = _emit_repeated(builder, builder.add(a_rows[r], a_at), vector, G, mask)
            for v in range(VECTORS):
                builder.store(fma(builder, numbers, b_vectors[v], builder.load(sums[r][v])), sums[r][v])

    with cgutils.for_range_slice(builder, I64(0), M, I64(ROWS)) as (m, _):
        rows = [emit_smaller(builder, builder.add(m, I64(r)), builder.sub(M, I64(1))) for r in range(ROWS)]
        a_rows = [builder.add(a, builder.mul(r, row)) for r in rows]
        for r in range(ROWS):
            for v in range(VECTORS):
                builder.store(ir.Constant(vector, None), sums[r][v])
        with cgutils.for_range(builder, P) as p:
            a_run, b_run = builder.mul(p.index, outer), builder.add(b, builder.mul(p.index, b_outer))
            with cgutils.for_range(builder, whole) as k:
                add_products(builder.add(a_run, builder.mul(k.index, builder.mul(size, I64(G)))),
                             builder.add(b_run, builder.mul(k.index, step_bytes)), None)
            with builder.if_then(some):
                add_products(builder.add(a_run, builder.mul(builder.sub(K, remainder), size)),
                             builder.add(b_run, builder.mul(whole, step_bytes)), emit_mask(builder, remainder, 0, G))
        for r in range(ROWS):
            total = _emit_sums_of_groups(builder, [builder.load(s) for s in sums[r]], G)
            emit_store(builder, total, builder.add(c, builder.mul(rows[r], c_row)), written)


def _emit_repeated(builder, address, vector, G, mask):
    """G numbers repeated over a vector; with a mask, only the numbers that it names, and 0 for the others."""
    group = ir.VectorType(vector.element, G)
    if mask is None:
        numbers = builder.load(builder.inttoptr(address, group.as_pointer()))
        numbers.align = 1
    else:
        numbers = emit_load(builder, address, group, mask)
    places = ir.Constant(ir.VectorType(I32, vector.count), [lane % G for lane in range(vector.count)])
    return builder.shuffle_vector(numbers, ir.Constant(group, ir.Undefined), places)


def _emit_sums_of_groups(builder, vectors, G):
    """The sum of each column's G lanes, in the first lanes of one vector. Each step adds neighbouring lanes, until G is 1."""
    count = vectors[0].type.count
    even, odd = (ir.Constant(ir.VectorType(I32, count), [2 * lane + i for lane in range(count)]) for i in (0, 1))
    while G > 1:
        x, y = vectors[0], vectors[-1]
        vectors, G = [builder.fadd(builder.shuffle_vector(x, y, even), builder.shuffle_vector(x, y, odd))], G // 2
    return vectors[0]


_tile_4, _tile_8, _tile_16 = make_narrow_tile(4), make_narrow_tile(8), make_narrow_tile(16)


@inner_kernel
def narrow_strip(like, terms, a, row, b, c, c_row, M, N):
    """c[m, n] = Σ_p Σ_k a[m·row + p·outer + k·step] · b[p, k, n]   for m < M, n < N;  b as in `narrow_layout`.

    Terms as for `strip`, of which Q is 1; the strides of b do not count. A block of rows that fits into the first cache is
    multiplied by all tiles of columns, then the next block.
    """
    size = item_bytes(like)
    block = M if N <= lanes(like) // 2 else max(1, CACHED // max(1, ROWS * terms.K * size)) * ROWS
    for m in range(0, M, block):
        n, b_n, rows = 0, b, min(block, M - m)
        while n < N:
            width, a_m, c_m = narrow_width(N - n, lanes(like)), a + m * row, c + m * c_row + n * size
            G, columns = VECTORS * lanes(like) // width, min(width, N - n)
            if G == 4:
                _tile_4(like, terms, a_m, row, b_n, c_m, c_row, columns, rows)
            elif G == 8:
                _tile_8(like, terms, a_m, row, b_n, c_m, c_row, columns, rows)
            else:
                _tile_16(like, terms, a_m, row, b_n, c_m, c_row, columns, rows)
            b_n += terms.P * laid_out_size(terms.K, width, lanes(like)) * size
            n += width


@inner_kernel
def narrow_product(like, a, row, K, b, c, c_row, M, N):
    """c[m, n] = Σ_k a[m·row + k·step] · b[k, n]: a narrow strip whose sum has one part."""
    narrow_strip(like, Terms(ONE, ONE, K, NONE, NONE, NONE, NONE, NONE, NONE), a, row, b, c, c_row, M, N)
