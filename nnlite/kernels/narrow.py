"""Products with few columns, c = a wᵀ: the lanes of a register hold neighbours in the sum, not columns.

The other tile has a column in each lane, and most of the lanes would be empty. Here each result has a register of its own,

    s[i] = Σ_k  a[m, k + i] · w[n, k + i]      k = 0, LANES, 2·LANES, …          c[m, n] = Σ_i s[i]

and its lanes are added at the end, for as many results together as a register has lanes. The sums add up in the same order
whatever rows and columns are computed together: the same bits.
"""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from nnlite.kernels.instructions import I1, I32, I64, ITEM_BYTES, LLVM_TYPE, call_own_function, emit_load, emit_mask, lane_count
from nnlite.kernels.simd import LEVEL
from nnlite.kernels.tile import fma

VECTOR_BYTES = LEVEL.vector_bytes
COLUMNS = 2  # of a tile: each number of a that is read is multiplied twice, each of w as often as the tile has rows


@njit(cache=True)
def narrow_columns(K, N, itemsize):
    """How many columns, the last ones of N, are better done here: those that would fill no whole register, or none.

    Adding up the lanes of so many sums over K has to cost less than leaving lanes empty (measured).
    """
    lanes = VECTOR_BYTES // itemsize
    rest = N % lanes
    return rest if 8 * rest <= 5 * lanes and lanes * rest <= K else 0


@intrinsic
def narrow_product(typingctx, like, a, a_row, w, w_row, K, c, c_row, M, N):
    """c[m, n] = Σ_k a[m, k] · w[n, k]   for m < M, n < N, neither 0.   Addresses; strides in bytes; k's neighbours adjoin."""

    def codegen(context, builder, signature, arguments):
        call_own_function(builder, f"nnlite_narrow_{like.dtype}", arguments[1:],
                          lambda inner, *numbers: _emit_narrow(inner, like.dtype, *numbers))
        return context.get_dummy_value()

    return types.void(like, *[types.intp] * 9), codegen


def _emit_narrow(builder, dtype, a, a_row, w, w_row, K, c, c_row, M, N):
    """Tiles of `rows` × COLUMNS results. Where rows or columns have ended, a tile does the last one again."""
    width = lane_count(dtype)
    vector, rows = ir.VectorType(LLVM_TYPE[dtype], width), width // COLUMNS
    sums = [[cgutils.alloca_once(builder, vector) for _ in range(COLUMNS)] for _ in range(rows)]
    whole = builder.mul(builder.sdiv(K, I64(width)), I64(width))

    def nth(first, i, count):
        """first + i, but the last at most."""
        index, last = builder.add(first, I64(i)), builder.sub(count, I64(1))
        return builder.select(builder.icmp_signed("<", index, last), index, last)

    def add_products(k, mask):
        at = builder.mul(k, I64(ITEM_BYTES[dtype]))
        w_lanes = [emit_load(builder, builder.add(column, at), vector, mask) for column in w_columns]
        for r in range(rows):
            a_lanes = emit_load(builder, builder.add(a_rows[r], at), vector, mask)
            for j in range(COLUMNS):
                builder.store(fma(builder, a_lanes, w_lanes[j], builder.load(sums[r][j])), sums[r][j])

    with cgutils.for_range_slice(builder, I64(0), M, I64(rows)) as (m, _):
        a_rows = [builder.add(a, builder.mul(nth(m, r, M), a_row)) for r in range(rows)]
        with cgutils.for_range_slice(builder, I64(0), N, I64(COLUMNS)) as (n, _):
            w_columns = [builder.add(w, builder.mul(nth(n, j, N), w_row)) for j in range(COLUMNS)]
            for r in range(rows):
                for j in range(COLUMNS):
                    builder.store(ir.Constant(vector, None), sums[r][j])
            with cgutils.for_range_slice(builder, I64(0), whole, I64(width)) as (k, _):
                add_products(k, ir.Constant(ir.VectorType(I1, width), [True] * width))
            with builder.if_then(builder.icmp_signed("<", whole, K)):
                add_products(whole, emit_mask(builder, builder.sub(K, whole), 0, width))

            totals = _emit_sums_of_lanes(builder, [builder.load(sums[r][j]) for r in range(rows) for j in range(COLUMNS)])
            for r in range(rows):
                row = builder.add(c, builder.mul(nth(m, r, M), c_row))
                for j in range(COLUMNS):
                    address = builder.add(row, builder.mul(nth(n, j, N), I64(ITEM_BYTES[dtype])))
                    total = builder.extract_element(totals, I32(r * COLUMNS + j))
                    builder.store(total, builder.inttoptr(address, vector.element.as_pointer()))


def _emit_sums_of_lanes(builder, vectors):
    """As many vectors as each has lanes -> one, whose lane i is the sum of the lanes of vector i.

    Each step adds the lanes whose numbers differ in one bit, and puts two vectors' results into one.
    """
    count, bit = len(vectors), 1
    while bit < count:
        low = [lane if not lane & bit else count + lane - bit for lane in range(count)]
        high = [lane + bit if not lane & bit else count + lane for lane in range(count)]
        low, high = (ir.Constant(ir.VectorType(I32, count), places) for places in (low, high))
        vectors = [builder.fadd(builder.shuffle_vector(x, y, low), builder.shuffle_vector(x, y, high))
                   for x, y in zip(vectors[::2], vectors[1::2], strict=True)]
        bit *= 2
    return vectors[0]
