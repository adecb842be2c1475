"""How many threads a kernel gets, and what happens where Python itself has several threads or processes.

A thread of the pool that has nothing to do looks for work for some milliseconds, then it sleeps. A thread that looks for work
starts at once; to wake one that sleeps takes time. A kernel therefore uses several threads only if its work outweighs the
start: from 2·WORTH_A_THREAD multiply-adds in a training step, where kernels follow each other, and from WAKING times as many
in a plan, which may be called once in a while. If other programs keep all cores busy, one thread is faster
(`set_num_threads`). The result has the same bits on any number of threads: threads share out outputs, never a sum.

While a kernel runs, other Python threads run, too. They may run kernels if Numba's pool is OpenMP or TBB. Without these
(macOS without libomp), Numba uses a pool of its own, which ends the process if two threads call it at once. With that pool,
one kernel waits for the other.

A forked process has only the thread that forked. There kernels run on one thread, unless the pool is Numba's own.
"""

import functools
import os

import numba

from nnlite.kernels.machine.cache import njit
from nnlite.kernels.machine.cores import forget_threads, keep_apart
from nnlite.kernels.machine.sharing import lose_pool, start_pool
from nnlite.kernels.machine.turn import Turn

os.environ.setdefault("GOMP_SPINCOUNT", "100000")  # how often a waiting thread looks before it sleeps: some 3 ms

WORTH_A_THREAD = 250_000  # multiply-adds of float32: some 3 µs of one core
WAKING = 32  # times as much, for a call that may find the threads asleep
MOVE = 16  # a number that is read, changed a little and written takes about as long as so many multiply-adds


def threads_for(work, alone=False):
    """The number of threads for a kernel call, by its work in multiply-adds. If it is more than 1, the pool has been started.

    alone: the call is not one of many kernels in a row, so the pool's threads may be asleep.
    """
    threads = 1 if work < 2 * WORTH_A_THREAD * (WAKING if alone else 1) else most_threads()
    if threads > 1:
        start_pool()
        if not _numbas_own_pool:
            keep_apart()
    return threads


_most = None


def most_threads():
    """The largest number of threads that kernels use: all cores, unless `set_num_threads` said otherwise."""
    return numba.config.NUMBA_NUM_THREADS if _most is None else _most


def set_num_threads(n):
    """Let kernels use at most n threads, whichever Python thread calls them.

    Errors: ValueError unless n is a whole number from 1 to the number of the machine's cores (or NUMBA_NUM_THREADS).
    """
    global _most
    if n not in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        raise ValueError(f"set_num_threads: expects 1 to {numba.config.NUMBA_NUM_THREADS} threads, got {n}")
    _most = int(n)


_kernels_turn = Turn()


def parallel_kernel(function):
    """@njit(cache=True) for functions that call `share_out`. Any number of Python threads may call them. x/0 is inf or NaN.

    Python passes many arguments as plain tuples, and the kernel names them, as in `Geometry(*g)`: Numba recognises the type of
    a plain tuple half a µs sooner than that of a NamedTuple.
    """
    kernel = njit(cache=True, nogil=True, error_model="numpy")(function)
    if not _numbas_own_pool:
        return kernel

    @functools.wraps(kernel)
    def one_at_a_time(*arguments):
        with _kernels_turn.lock:
            return kernel(*arguments)

    return one_at_a_time


def _pool_may_be_numbas_own():
    """Whether Numba uses its own pool, "workqueue": because the user asks for it, or perhaps because it finds no other."""
    asked, order = numba.config.THREADING_LAYER, numba.config.THREADING_LAYER_PRIORITY
    return asked in ("workqueue", "forksafe") or _openmp() is None or asked == "default" and order[-1] != "workqueue"


def _openmp():
    """Numba's module for OpenMP, or None without it. OpenMP reads GOMP_SPINCOUNT when this module is imported."""
    try:
        from numba.np.ufunc import omppool
    except ImportError:
        return None
    return omppool


_numbas_own_pool = _pool_may_be_numbas_own()


def _after_fork():
    """A forked process has only the thread that forked. Of the pools, Numba's own is sure to start its threads again."""
    global _most
    forget_threads()
    try:
        lost = numba.threading_layer() != "workqueue"
    except ValueError:  # Numba has no pool yet: no kernel has run
        return
    if lost:
        lose_pool()
        _most = 1


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
