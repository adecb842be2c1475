"""SIMD instructions as LLVM writes them, for `tile` and `vector`.

Each `emit_…` adds an instruction to the function that is being compiled. Addresses are bytes. A mask says which lanes are read
or written; the other lanes of a load are 0.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils

from nnlite.kernels.simd.level import LEVEL

I1, I8, I32, I64 = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64)
LLVM_TYPE = {types.float32: ir.FloatType(), types.float64: ir.DoubleType(), types.int32: I32, types.int64: I64,
             types.boolean: I1}
ITEM_BYTES = {types.float32: 4, types.float64: 8, types.int32: 4}


def lane_count(dtype):
    """How many numbers of a Numba type one register holds."""
    return LEVEL.vector_bytes // ITEM_BYTES[dtype]


def call_own_function(builder, name, arguments, emit):
    """Call an LLVM function of this name; emit(builder, *arguments) writes its body once in a module.

    Inlined into other code, the loop's addresses would share registers with that code, and be computed anew in every step.
    """
    module = builder.module
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments]), name)
        function.linkage = "linkonce_odr"
        for attribute in ("noinline", "optsize"):  # optsize: no copies of the loops for special cases, which take long to make
            function.attributes.add(attribute)
        inner = ir.IRBuilder(function.append_basic_block())
        emit(inner, *function.args)
        inner.ret_void()
    builder.call(function, arguments)


def emit_mask(builder, left, start, count):
    """Whether each of the lanes start, start + 1, … is below `left`."""
    numbers = ir.Constant(ir.VectorType(I32, count), [start + lane for lane in range(count)])
    return builder.icmp_signed("<", numbers, emit_spread(builder, builder.trunc(left, I32), numbers.type))


def emit_load(builder, address, vector, mask):
    """The numbers at `address` in the lanes of the mask, 0 in the others."""
    pointer = builder.inttoptr(address, vector.as_pointer())
    kind = ir.FunctionType(vector, [vector.as_pointer(), I32, mask.type, vector])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.load.{mangle(vector)}.p0")
    return builder.call(function, [pointer, I32(1), mask, ir.Constant(vector, None)])


def emit_load_bytes(builder, address, vector, mask):
    """uint8 at `address`, widened to a vector of int32.

    If all lanes are read, no mask is used, because most processors without AVX-512 read masked bytes one by one.
    """
    kind = ir.VectorType(I8, vector.count)
    all_lanes = ir.IntType(vector.count)
    with builder.if_else(builder.icmp_signed("==", builder.bitcast(mask, all_lanes), all_lanes(-1))) as (whole, in_part):
        with whole:
            all_bytes = builder.load(builder.inttoptr(address, kind.as_pointer()))
            all_bytes.align, whole_block = 1, builder.block
        with in_part:
            some_bytes, part_block = emit_load(builder, address, kind, mask), builder.block
    value = builder.phi(kind)
    value.add_incoming(all_bytes, whole_block)
    value.add_incoming(some_bytes, part_block)
    return builder.zext(value, vector)


def emit_store(builder, value, address, mask):
    """Write the lanes of the mask to `address`."""
    pointer = builder.inttoptr(address, value.type.as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [value.type, value.type.as_pointer(), I32, mask.type])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.store.{mangle(value.type)}.p0")
    builder.call(function, [value, pointer, I32(1), mask])


def emit_spread(builder, scalar, vector):
    """The scalar in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, I32(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(I32, vector.count), [0] * vector.count))


def emit_load_spread(builder, address, vector):
    """The number at `address` in every lane."""
    value = builder.load(builder.inttoptr(address, vector.element.as_pointer()))
    value.align = 1
    return emit_spread(builder, value, vector)


def emit_call(builder, name, *vectors):
    """One of LLVM's own functions on vectors of one type, as `llvm.fma`."""
    kind = ir.FunctionType(vectors[0].type, [v.type for v in vectors])
    function = cgutils.get_or_insert_function(builder.module, kind, f"{name}.{mangle(vectors[0].type)}")
    return builder.call(function, vectors)


def emit_smaller(builder, x, y):
    """min(x, y) of two plain integers."""
    return builder.select(builder.icmp_signed("<", x, y), x, y)


def emit_larger(builder, x, y):
    """max(x, y): NaN if one of them is NaN, and y if they are equal."""
    if is_integer(x):
        return builder.select(builder.icmp_signed(">", x, y), x, y)
    larger = builder.select(builder.fcmp_ordered(">", x, y), x, y)  # y where one is a NaN
    return builder.select(builder.fcmp_unordered("uno", x, x), x, larger)


def emit_at_least(builder, x, low):
    """max(x, low) for a low that is not NaN; low if they are equal."""
    above = builder.icmp_signed(">", x, low) if is_integer(x) else builder.fcmp_unordered(">", x, low)
    return builder.select(above, x, low)


def emit_at_most(builder, x, high):
    """min(x, high) for a high that is not NaN; high if they are equal."""
    below = builder.icmp_signed("<", x, high) if is_integer(x) else builder.fcmp_unordered("<", x, high)
    return builder.select(below, x, high)


def is_integer(x):
    return isinstance(x.type.element, ir.IntType)


def mangle(vector):
    """A vector type in the names of LLVM's functions: v16f32."""
    element = {"float": "f32", "double": "f64"}.get(str(vector.element), str(vector.element))
    return f"v{vector.count}{element}"
