"""`share_out`: a kernel's tasks, divided among the threads of Numba's pool.

A kernel says what one task is, and how many there are; which thread does which makes no difference to the result.

    @inner_kernel
    def double_row(t, thread, x, y):          # one task, the t-th
        y[t] = 2 * x[t]

    @parallel_kernel
    def double(x, y, threads):
        share_out(double_row, len(x), threads, (x, y))

Numba's own parallel loop, `prange`, does the same, but compiles the loop three times. That would double the time that a first
run spends compiling.
"""

import ctypes

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.callconv import excinfo_ptr_t
from numba.core.extending import lower_builtin
from numba.extending import type_callable
from numba.np.ufunc import parallel

I32, I64, POINTER = ir.IntType(32), ir.IntType(64), ir.IntType(8).as_pointer()
NO_ERROR = I32(0), ir.Constant(excinfo_ptr_t, None)  # Numba's status of a call that has raised nothing, and its exception

_pool = ctypes.c_void_p()  # the address of the function by which Numba's pool is called, once there is one
binding.add_symbol("nnlite_pool", ctypes.addressof(_pool))  # the name under which compiled kernels find this variable


_lost = False


def start_pool():
    """Start Numba's pool of threads, once. Without it kernels run on their caller's thread alone."""
    if not _pool.value and not _lost:
        parallel._launch_threads()
        _pool.value = binding.address_of_symbol("numba_parallel_for")


def lose_pool():
    """Never use the pool again: the process has been forked, and the pool's threads belong to the parent."""
    global _lost
    _lost, _pool.value = True, None


def share_out(task, tasks, threads, arguments):
    """Call task(t, thread, *arguments) for every t < tasks. Compiled, each thread of the pool runs one pass of the outer loop.

    threads: from `threads_for`.
    Errors: what a task raises. The thread of that task skips the rest of its tasks; the other threads do all of theirs. If
    several tasks raise, the caller gets the exception of one of them.
    """
    for thread in range(threads):
        for t in range(tasks * thread // threads, tasks * (thread + 1) // threads):
            task(t, thread, *arguments)


@type_callable(share_out)
def _type_of_share_out(context):
    def result(task, tasks, threads, arguments):
        task.get_call_type(context, _task_types(arguments), {})  # compiles the task
        return types.none

    return result


def _task_types(arguments):
    return types.intp, types.intp, *arguments.types


@lower_builtin(share_out, types.Dispatcher, types.Integer, types.Integer, types.BaseTuple)
def _lower_share_out(context, builder, signature, values):
    """With one thread, or without a pool, a plain call does all tasks; otherwise Numba's pool calls each thread's part."""
    task, tasks_type, threads_type, arguments = signature.args
    tasks, threads = (context.cast(builder, value, kind, types.intp)
                      for value, kind in ((values[1], tasks_type), (values[2], threads_type)))
    shared = cgutils.pack_struct(builder, [*NO_ERROR, tasks, threads, *cgutils.unpack_tuple(builder, values[3])])
    part = _emit_part(context, builder.module, task.dispatcher.overloads[_task_types(arguments)], arguments.types, shared.type)

    shared = cgutils.alloca_once_value(builder, shared)
    address = builder.bitcast(shared, POINTER)
    pointers = cgutils.alloca_once_value(builder, ir.Constant(ir.ArrayType(POINTER, 2), None))
    pointers = builder.bitcast(pointers, POINTER.as_pointer())
    for i in range(2):
        builder.store(address, builder.gep(pointers, [I64(i)]))
    steps = cgutils.global_constant(builder, "steps", ir.Constant(ir.ArrayType(I64, 2), [0, 1]))
    steps = builder.bitcast(steps, I64.as_pointer())
    count = cgutils.alloca_once_value(builder, threads)
    nothing = ir.Constant(POINTER, None)
    pool = builder.load(_variable(builder.module, POINTER, "nnlite_pool"))
    alone = builder.or_(builder.icmp_signed("<=", threads, I64(1)), builder.icmp_unsigned("==", pool, nothing))
    with builder.if_else(alone) as (one, several):
        with one:
            builder.call(part, [pointers, count, steps, nothing])
        with several:
            kind = ir.FunctionType(ir.VoidType(), [POINTER, *part.ftype.args, I64, I64, I32])
            builder.call(builder.bitcast(pool, kind.as_pointer()),
                         [builder.bitcast(part, POINTER), pointers, count, steps, nothing, I64(0), I64(2),
                          builder.trunc(threads, I32)])
    _emit_raise(context, builder, shared, arguments, values[3])
    return context.get_dummy_value()


def _variable(module, kind, name):
    """A variable that lies outside the compiled code."""
    return module.globals.get(name) or ir.GlobalVariable(module, kind, name)


def _emit_part(context, module, task, kinds, shared_type):
    """A function that does the tasks of count[0] threads, with the arguments that Numba's pool passes.

    The pool passes two pointers. It advances the second by steps[1] = 1 byte per thread, so (second − first) is the number of
    the first of these threads.
    """
    kind = ir.FunctionType(ir.VoidType(), [POINTER.as_pointer(), I64.as_pointer(), I64.as_pointer(), POINTER])
    part = ir.Function(module, kind, module.get_unique_name("nnlite_part"))
    part.linkage = "internal"
    builder = ir.IRBuilder(part.append_basic_block())
    pointers, count = part.args[:2]
    address = builder.load(pointers)
    first = builder.sub(builder.ptrtoint(builder.load(builder.gep(pointers, [I64(1)])), I64), builder.ptrtoint(address, I64))
    shared = builder.bitcast(address, shared_type.as_pointer())
    _, _, tasks, threads, *arguments = cgutils.unpack_tuple(builder, builder.load(shared))
    arguments = [_borrowed(context, builder, kind, value) for kind, value in zip(kinds, arguments, strict=True)]

    context.add_linking_libs([task.library])
    function = context.declare_function(module, task.fndesc)
    with cgutils.for_range_slice(builder, first, builder.add(first, builder.load(count)), I64(1)) as (thread, _):
        start, end = (builder.sdiv(builder.mul(tasks, k), threads) for k in (thread, builder.add(thread, I64(1))))
        with cgutils.for_range_slice(builder, start, end, I64(1)) as (t, _):
            status, _ = context.call_conv.call_function(builder, function, types.none, task.signature.args,
                                                        [t, thread, *arguments])
            with cgutils.if_unlikely(builder, status.is_error):
                _emit_keep_error(builder, shared, status)
                builder.ret_void()
    builder.ret_void()
    _inline(part, function)
    return part


def _emit_keep_error(builder, shared, status):
    """Store what a task has raised, unless another thread has stored an exception before."""
    code, exception = (cgutils.gep_inbounds(builder, shared, 0, i) for i in range(len(NO_ERROR)))
    before = builder.cmpxchg(code, I32(0), status.code, "monotonic", "monotonic")
    with builder.if_then(builder.extract_value(before, 1)):
        builder.store(status.excinfoptr, exception)


def _emit_raise(context, builder, shared, kind, arguments):
    """If a task has raised, leave the kernel with its exception. All threads are done by now.

    The tuple of arguments is released here: Numba does not release what a kernel holds when an exception leaves it.
    """
    code, exception = (builder.load(cgutils.gep_inbounds(builder, shared, 0, i)) for i in range(len(NO_ERROR)))
    status = context.call_conv._get_return_status(builder, code, exception)
    with cgutils.if_unlikely(builder, status.is_error):
        context.nrt.decref(builder, kind, arguments)
        context.call_conv.return_status_propagate(builder, status)


def _borrowed(context, builder, kind, value):
    """The array, or the tuple's arrays, without reference counting, because all threads would contend for the counter.

    This is safe: the caller keeps the arrays alive until every task is done.
    """
    if isinstance(kind, types.BaseTuple):
        values = zip(kind.types, cgutils.unpack_tuple(builder, value), strict=True)
        return context.make_tuple(builder, kind, [_borrowed(context, builder, *each) for each in values])
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value)
        array.meminfo = array.parent = ir.Constant(POINTER, None)
        value = array._getvalue()
    return value


def _inline(caller, function):
    """Have LLVM inline every call of the function: otherwise each task would receive all the arguments anew."""
    for block in caller.blocks:
        for instruction in block.instructions:
            if isinstance(instruction, ir.CallInstr) and instruction.callee is function:
                instruction.attributes.add("alwaysinline")
