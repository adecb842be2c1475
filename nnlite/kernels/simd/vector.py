"""SIMD values as Numba types: one register of the processor as a variable of a compiled loop.

A `Vector` fills one register: it has sixteen float32 if registers hold 64 bytes. Functions take addresses in bytes, so that
they work on any array. They also take `left`, the number of elements that are still to do: lanes from `left` on are neither
read nor written.

    for o in range(0, O, lanes(x)):                                   # y = max(x + b, 0), for any O
        z = load(x, x_data + o * size, O - o) + load(x, b_data + o * size, O - o)
        store(y_data + o * size, at_least(z, 0), O - o)

`like` only fixes the element type: pass `x.dtype` (preferred) or an array. Passing an array makes Numba update its reference
count at each call, which delays pending stores. Vectors know + − * / << >> &, with a vector or a number on the right. The
functions are built from the instructions in `instructions`.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from nnlite.kernels.simd.instructions import (
    I1,
    I8,
    I32,
    I64,
    ITEM_BYTES,
    LLVM_TYPE,
    emit_at_least,
    emit_at_most,
    emit_call,
    emit_larger,
    emit_load,
    emit_load_bytes,
    emit_mask,
    emit_spread,
    emit_store,
    is_integer,
    lane_count,
)
from nnlite.kernels.simd.level import LEVEL


class Vector(types.Type):
    """`count` numbers of a Numba type, side by side."""

    def __init__(self, element, count):
        self.element, self.count = element, count
        super().__init__(name=f"Vector({element}, {count})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """A Vector is an LLVM vector and nothing else."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(LLVM_TYPE[kind.element], kind.count))


@intrinsic
def item_bytes(typingctx, like):
    """How many bytes one number of like's dtype has, known while compiling."""
    count = ITEM_BYTES[like.dtype]
    return types.intp(like), lambda context, builder, signature, arguments: I64(count)


@intrinsic
def factor_bytes(typingctx, like):
    """How many bytes a number of a has, if sums of a·b are like `like`: one if they are int32 (a is uint8), else as many."""
    count = 1 if like.dtype == types.int32 else ITEM_BYTES[like.dtype]
    return types.intp(like), lambda context, builder, signature, arguments: I64(count)


@intrinsic
def lanes(typingctx, like):
    """How many numbers of like's dtype one register holds."""
    count = lane_count(like.dtype)
    return types.intp(like), lambda context, builder, signature, arguments: I64(count)


@intrinsic
def pointer(typingctx, like, address):
    """An address as Numba's pointer to numbers like `like`, for loops that leave the registers to the compiler."""
    kind = types.CPointer(like)

    def codegen(context, builder, signature, arguments):
        return builder.inttoptr(arguments[1], context.get_value_type(kind))

    return kind(like, types.intp), codegen


@intrinsic
def load(typingctx, like, address, left):
    """The numbers at `address`; 0 in the lanes from `left` on."""
    kind = Vector(like.dtype, lane_count(like.dtype))

    def codegen(context, builder, signature, arguments):
        _, address, left = arguments
        mask = emit_mask(builder, left, 0, kind.count)
        return emit_load(builder, address, context.get_value_type(kind), mask)

    return kind(like, types.intp, types.intp), codegen


@intrinsic
def real_load(typingctx, like, address, left):
    """`load` of float32: one number for each lane of like's dtype."""
    kind = Vector(types.float32, lane_count(like.dtype))

    def codegen(context, builder, signature, arguments):
        _, address, left = arguments
        return emit_load(builder, address, context.get_value_type(kind), emit_mask(builder, left, 0, kind.count))

    return kind(like, types.intp, types.intp), codegen


@intrinsic
def load_bytes(typingctx, like, address, left):
    """Bytes (uint8) at `address`, widened to int32: one for each lane of like's dtype; 0 in the lanes from `left` on."""
    kind = Vector(types.int32, lane_count(like.dtype))

    def codegen(context, builder, signature, arguments):
        _, address, left = arguments
        mask = emit_mask(builder, left, 0, kind.count)
        return emit_load_bytes(builder, address, context.get_value_type(kind), mask)

    return kind(like, types.intp, types.intp), codegen


@intrinsic
def transpose_block(typingctx, like, source, source_row, rows, columns, target, target_row):
    """target[j, i] = source[i, j] for i < rows, j < columns, no more than a register's lanes of each.

    Rows lie source_row and target_row bytes apart. Each step exchanges the lanes and rows whose numbers differ in one bit.
    """
    count = lane_count(like.dtype)

    def codegen(context, builder, signature, arguments):
        _, source, source_row, rows, columns, target, target_row = arguments
        vector = ir.VectorType(LLVM_TYPE[like.dtype], count)
        none = ir.Constant(ir.VectorType(I1, count), None)

        def mask_of(i, of, left):
            return builder.select(builder.icmp_signed("<", I64(i), of), emit_mask(builder, left, 0, count), none)

        block = [emit_load(builder, builder.add(source, builder.mul(source_row, I64(i))), vector, mask_of(i, rows, columns))
                 for i in range(count)]
        bit = 1
        while bit < count:
            for i in range(count):
                if not i & bit:
                    low = [lane if not lane & bit else count + lane - bit for lane in range(count)]
                    high = [lane + bit if not lane & bit else count + lane for lane in range(count)]
                    block[i], block[i + bit] = (
                        builder.shuffle_vector(block[i], block[i + bit], ir.Constant(ir.VectorType(I32, count), lanes))
                        for lanes in (low, high))
            bit *= 2
        for j in range(count):
            emit_store(builder, block[j], builder.add(target, builder.mul(target_row, I64(j))), mask_of(j, columns, rows))
        return context.get_dummy_value()

    return types.void(like, *[types.intp] * 6), codegen


@intrinsic
def interleave_three(typingctx, like, source, plane, target, left):
    """target[3 j + c] = source[c, j] for c < 3 and j < left ≤ a register's lanes; planes lie `plane` bytes apart."""
    count = lane_count(like.dtype)

    def codegen(context, builder, signature, arguments):
        _, source, plane, target, left = arguments
        vector, mask = ir.VectorType(LLVM_TYPE[like.dtype], count), emit_mask(builder, left, 0, count)
        planes = [emit_load(builder, builder.add(source, builder.mul(plane, I64(c))), vector, mask) for c in range(3)]
        for part in range(3):
            places = [divmod(part * count + lane, 3) for lane in range(count)]  # (j, c) of each number
            two = [j + c * count if c < 2 else 0 for j, c in places]
            all_three = [lane if c < 2 else count + j for lane, (j, c) in enumerate(places)]
            numbers = builder.shuffle_vector(planes[0], planes[1], ir.Constant(ir.VectorType(I32, count), two))
            numbers = builder.shuffle_vector(numbers, planes[2], ir.Constant(ir.VectorType(I32, count), all_three))
            address = builder.add(target, I64(part * LEVEL.vector_bytes))
            emit_store(builder, numbers, address, emit_mask(builder, builder.mul(left, I64(3)), part * count, count))
        return context.get_dummy_value()

    return types.void(like, *[types.intp] * 4), codegen


@intrinsic
def store(typingctx, address, value, left):
    """Write the first `left` lanes to `address`."""

    def codegen(context, builder, signature, arguments):
        address, value, left = arguments
        emit_store(builder, value, address, emit_mask(builder, left, 0, value.type.count))
        return context.get_dummy_value()

    return types.void(types.intp, value, types.intp), codegen


@intrinsic
def store_bytes(typingctx, address, value, left):
    """Write the first `left` lanes, int32 between 0 and 255, to `address` as uint8."""

    def codegen(context, builder, signature, arguments):
        address, value, left = arguments
        mask = emit_mask(builder, left, 0, value.type.count)
        emit_store(builder, builder.trunc(value, ir.VectorType(I8, value.type.count)), address, mask)
        return context.get_dummy_value()

    return types.void(types.intp, value, types.intp), codegen


@intrinsic
def store_three_bytes(typingctx, address, value, left):
    """Write the three low bytes of each of the first `left` lanes, int32, to `address`, without gaps.

    As in `emit_load_bytes`, no mask is used if all lanes are written.
    """

    def codegen(context, builder, signature, arguments):
        address, value, left = arguments
        count = value.type.count
        kept = ir.Constant(ir.VectorType(I32, 3 * count), [4 * lane + byte for lane in range(count) for byte in range(3)])
        all_bytes = builder.bitcast(value, ir.VectorType(I8, 4 * count))
        three_bytes = builder.shuffle_vector(all_bytes, ir.Constant(all_bytes.type, ir.Undefined), kept)
        with builder.if_else(builder.icmp_signed(">=", left, I64(count))) as (whole, in_part):
            with whole:
                builder.store(three_bytes, builder.inttoptr(address, three_bytes.type.as_pointer())).align = 1
            with in_part:
                emit_store(builder, three_bytes, address, emit_mask(builder, builder.mul(left, I64(3)), 0, 3 * count))
        return context.get_dummy_value()

    return types.void(types.intp, value, types.intp), codegen


@intrinsic
def spread_int(typingctx, like, number):
    """The whole number in every lane as int32, in as many lanes as like's dtype has."""
    kind = Vector(types.int32, lane_count(like.dtype))

    def codegen(context, builder, signature, arguments):
        return emit_spread(builder, arguments[1], context.get_value_type(kind))

    return kind(like, types.int32), codegen


@intrinsic
def beats(typingctx, x, y):
    """Whether x replaces y as the maximum so far, for each lane: x > y, or x is a NaN and y is not."""

    def codegen(context, builder, signature, arguments):
        x, y = arguments
        return builder.and_(builder.fcmp_unordered(">", x, y), builder.fcmp_ordered("ord", y, y))

    return Vector(types.boolean, x.count)(x, y), codegen


@intrinsic
def equal(typingctx, x, number):
    """Whether each lane of a vector of integers equals a number."""

    def codegen(context, builder, signature, arguments):
        x, number = arguments
        return builder.icmp_signed("==", x, emit_spread(builder, number, x.type))

    return Vector(types.boolean, x.count)(x, x.element), codegen


@intrinsic
def positive(typingctx, x):
    """Whether each lane is above 0."""

    def codegen(context, builder, signature, arguments):
        return builder.fcmp_ordered(">", arguments[0], ir.Constant(arguments[0].type, None))

    return Vector(types.boolean, x.count)(x), codegen


@intrinsic
def any_nan(typingctx, x):
    """Whether at least one lane is NaN."""

    def codegen(context, builder, signature, arguments):
        lanes = builder.fcmp_unordered("uno", arguments[0], arguments[0])
        bits = ir.IntType(lanes.type.count)
        return builder.icmp_unsigned("!=", builder.bitcast(lanes, bits), bits(0))

    return types.boolean(x), codegen


@intrinsic
def where(typingctx, condition, x, y):
    """x in the lanes where the condition holds, y (a vector or a number) in the others."""
    return _with_operand(x, y, lambda builder, x, y, condition: builder.select(condition, x, y), condition)


@intrinsic
def larger(typingctx, x, y):
    """max(x, y) of two vectors: NaN if one of them is NaN, and y if they are equal (−0 and 0 are)."""
    return _with_operand(x, y, emit_larger)


@intrinsic
def at_least(typingctx, x, low):
    """max(x, low) for a number low. If both are equal the result is low, so that at_least(−0, 0) is 0. A NaN stays a NaN."""
    return _with_operand(x, low, emit_at_least)


@intrinsic
def at_most(typingctx, x, high):
    """min(x, high) for a number high. A NaN stays a NaN."""
    return _with_operand(x, high, emit_at_most)


@intrinsic
def spread(typingctx, x, number):
    """The number in every lane of a vector like x."""
    return _with_operand(x, number, lambda builder, x, number: number)


@intrinsic
def wide(typingctx, x):
    """int32 as int64."""
    return _converted(x, types.int64, lambda builder, x, kind: builder.sext(x, kind))


@intrinsic
def narrow(typingctx, x):
    """int64, within int32's range, as int32."""
    return _converted(x, types.int32, lambda builder, x, kind: builder.trunc(x, kind))


@intrinsic
def real(typingctx, x):
    """int32 as float32."""
    return _converted(x, types.float32, lambda builder, x, kind: builder.sitofp(x, kind))


@intrinsic
def nearest(typingctx, x):
    """float32, within int32's range, rounded to int32, halves to even."""
    return _converted(x, types.int32, lambda builder, x, kind: builder.fptosi(emit_call(builder, "llvm.rint", x), kind))


def _converted(x, element, emit):
    """Signature and code of a conversion of a vector to numbers of another type."""
    kind = Vector(element, x.count)

    def codegen(context, builder, signature, arguments):
        return emit(builder, arguments[0], context.get_value_type(kind))

    return kind(x), codegen


def _with_operand(x, y, emit, *more):
    """Signature and code of emit(builder, x, y, *more), with y spread over the lanes of x where it is a number."""

    def codegen(context, builder, signature, arguments):
        *more, x, y = arguments
        return emit(builder, x, y if y.type == x.type else emit_spread(builder, y, x.type), *more)

    return x(*more, x, y if isinstance(y, Vector) else x.element), codegen


# ---- operators


def _define(symbol, integer, real=None):
    """Teach Numba an operator on vectors: the names of LLVM's instructions for integers and for floats, None without one."""

    @infer_global(symbol)
    class Typing(AbstractTemplate):
        def generic(self, arguments, keywords):
            x, y = arguments
            if isinstance(x, Vector):
                return signature(x, x, y if isinstance(y, Vector) else x.element)

    def emit(builder, x, y):
        return getattr(builder, integer if is_integer(x) else real)(x, y)

    @lower_builtin(symbol, Vector, Vector)
    @lower_builtin(symbol, Vector, types.Number)
    def lower(context, builder, signature, arguments):
        x, y = arguments
        return emit(builder, x, y if y.type == x.type else emit_spread(builder, y, x.type))


for _symbol, *_instructions in ((operator.add, "add", "fadd"), (operator.sub, "sub", "fsub"), (operator.mul, "mul", "fmul"),
                                (operator.truediv, None, "fdiv"), (operator.lshift, "shl"), (operator.rshift, "ashr"),
                                (operator.and_, "and_")):
    _define(_symbol, *_instructions)
