"""The machine's measured peak: how many multiply-adds it computes, and how many bytes it moves, if it does nothing else.

Twelve sums stay in registers: s[i, j] += x[i] · y[j] for 3 x and 4 y. A multiply-add takes 4 or 5 cycles, so the units need
many independent sums to be always busy. The y change at every step and come from about a kilobyte that stays in the nearest
cache: if they stayed the same, the compiler would compute each product once and only add it.
"""

import time

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnlite.bench.peak_amx import OPERATIONS, configuration, run_tile_loops
from nnlite.kernels.fast.pointwise import part
from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.sharing import share_out, start_pool
from nnlite.kernels.machine.threads import parallel_kernel
from nnlite.kernels.simd.level import LEVEL
from nnlite.kernels.simd.tile import dot4, fma

WIDTH = LEVEL.vector_bytes // 4  # numbers of 32 bits in a register
I64 = ir.IntType(64)
X, Y, RING = 3, 4, 4  # vectors x and y in a step; steps until the same y come again
STEPS, AMX_STEPS = 1_000_000, 100_000
TRIAD_NUMBERS = 2**24  # float32 in each of three arrays: 64 MiB, more than a core's own caches hold


@intrinsic
def multiply_add_loop(typingctx, like, x, y, sums, steps):
    """s[i, j] += x[i] · y[step % RING, j], `steps` times; x, y, sums are addresses of vectors, `like` has the sums' dtype."""

    def codegen(context, builder, signature, arguments):
        dtype = signature.args[0].dtype
        x, y, sums, steps = (context.cast(builder, value, kind, types.intp)
                             for value, kind in zip(arguments[1:], signature.args[1:], strict=True))
        _emit_loop(builder, dtype, x, y, sums, steps)
        return context.get_dummy_value()

    return types.void(like, x, y, sums, steps), codegen


def _emit_loop(builder, dtype, x, y, sums, steps):
    integers = dtype == types.int32
    vector, multiply_add = ir.VectorType(ir.IntType(32) if integers else ir.FloatType(), WIDTH), dot4 if integers else fma

    def load(address, index):
        return builder.load(place(address, index), align=4)

    def place(address, index):
        return builder.inttoptr(builder.add(address, I64(index * LEVEL.vector_bytes)), vector.as_pointer())

    xs = [load(x, i) for i in range(X)]
    totals = [cgutils.alloca_once_value(builder, load(sums, ij)) for ij in range(X * Y)]
    with cgutils.for_range(builder, steps) as step:
        turn = builder.and_(step.index, I64(RING - 1))
        ring = builder.add(y, builder.mul(turn, I64(Y * LEVEL.vector_bytes)))
        for j in range(Y):
            yj = load(ring, j)
            for i in range(X):
                builder.store(multiply_add(builder, xs[i], yj, builder.load(totals[i * Y + j])), totals[i * Y + j])
    for ij in range(X * Y):
        builder.store(builder.load(totals[ij]), place(sums, ij), align=4)


@parallel_kernel
def run_loops(x, y, sums, steps):
    """sums (threads, X·Y, WIDTH) += what `multiply_add_loop` adds; one task for each thread."""
    share_out(run_loop, len(sums), len(sums), (x, y, sums, steps))


@inner_kernel
def run_loop(t, thread, x, y, sums, steps):
    multiply_add_loop(sums, x.ctypes.data, y.ctypes.data, sums[t].ctypes.data, steps)


@parallel_kernel
def triad(a, b, c, threads):
    """a = b + 3 c (McCalpin's STREAM)."""
    share_out(triad_part, threads, threads, (threads, a, b, c))


@inner_kernel
def triad_part(t, thread, parts, a, b, c):
    a, b, c = part(a, t, parts), part(b, t, parts), part(c, t, parts)
    for i in range(len(a)):
        a[i] = b[i] + np.float32(3) * c[i]


def measure_peak(threads, seconds=0.5):
    """The best of several runs on this many threads: {"threads", "float32_gops", "int8_gops", "memory_gb_per_s"}.

    Operations are multiplications and additions, two for each multiply-add, of float32 or of uint8·int8 in int32.
    """
    start_pool()
    return {"threads": threads, "float32_gops": round(peak_gops("float32", threads, seconds), 1),
            "int8_gops": round(peak_gops("int8", threads, seconds), 1),
            "memory_gb_per_s": round(memory_bandwidth(threads, seconds), 1)}


def peak_gops(arithmetic, threads, seconds):
    """10⁹ operations per second of `run_loops`; for int8 on a processor with AMX, those of the tile registers."""
    if arithmetic == "int8" and LEVEL.name == "amx":
        work = (configuration(), np.ones((4, 16, 64), np.uint8), np.empty((threads, 4, 16, 16), np.int32), AMX_STEPS)
        return OPERATIONS * AMX_STEPS * threads / best_seconds(lambda: run_tile_loops(*work), seconds) / 1e9
    x, y, sums = operands(arithmetic, threads)
    operations = 2 * X * Y * WIDTH * STEPS * threads * (4 if arithmetic == "int8" else 1)
    return operations / best_seconds(lambda: run_loops(x, y, sums, STEPS), seconds) / 1e9


def operands(arithmetic, threads):
    """x (X, WIDTH), y (RING·Y, WIDTH), sums (threads, X·Y, WIDTH): float32, or int32 with four bytes in each of x and y."""
    rng = np.random.default_rng(0)
    if arithmetic == "int8":
        x = rng.integers(0, 256, (X, 4 * WIDTH), np.uint8).view(np.int32)
        y = rng.integers(-128, 128, (RING * Y, 4 * WIDTH), np.int8).view(np.int32)
    else:
        x, y = (rng.standard_normal((rows, WIDTH)).astype(np.float32) for rows in (X, RING * Y))
    return x, y, np.zeros((threads, X * Y, WIDTH), x.dtype)


def memory_bandwidth(threads, seconds):
    """10⁹ bytes per second that `triad` reads and writes, in arrays too large for a core's caches."""
    a, b, c = (np.ones(TRIAD_NUMBERS, np.float32) for _ in range(3))
    return 3 * a.nbytes / best_seconds(lambda: triad(a, b, c, threads), seconds) / 1e9


def best_seconds(work, seconds):
    """The shortest of the calls of work() in `seconds`, at least 3. One call before them, which may compile, does not count."""
    work()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
