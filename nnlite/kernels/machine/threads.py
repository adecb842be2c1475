"""How many threads a kernel gets, and what happens where Python itself has several threads or processes.

A second thread that has just worked is there at once; one that sleeps has to be woken. So work that takes about as long as
that by itself stays on one: less of it among the kernels of a training step, which come in rows, more of it in a plan, which
may be called once in a while. Between kernels threads stay awake for some milliseconds. The price is paid where other
programs keep all cores busy: there one thread is faster (`set_num_threads`). The result has the same bits either way:
threads share out outputs, never a sum.

While a kernel runs, other Python threads run, too. With OpenMP or TBB below, these may run kernels. Where there is neither
(macOS without libomp), Numba's own pool ends the process when two meet; there, one waits for the other.
"""

import functools
import os
import threading
import weakref

import numba

from nnlite.kernels.machine.cores import forget_threads, keep_apart
from nnlite.kernels.machine.sharing import lose_pool, start_pool

os.environ.setdefault("GOMP_SPINCOUNT", "100000")  # how often a waiting thread looks before it sleeps: some 3 ms

WORTH_A_THREAD = 250_000  # multiply-adds of float32: some 3 µs of one core
WAKING = 32  # times as much, for a call that may find the threads asleep
MOVE = 16  # a number that is read, changed a little and written takes about as long as so many multiply-adds


def threads_for(work, alone=False):
    """How many threads a kernel call gets for its work, counted in multiply-adds; if several, there is a pool of them now.

    alone: not one of many kernels in a row, so that the threads may be asleep.
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

    Errors: ValueError for n < 1, more than the machine has, or no whole number.
    """
    global _most
    if n not in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        raise ValueError(f"set_num_threads: expects 1 to {numba.config.NUMBA_NUM_THREADS} threads, got {n}")
    _most = int(n)


class Turn:
    """What one Python thread after another has: `with turn.lock: …`.

    Without more, a process that is forked while another thread has its turn would wait for ever: that thread is not in it.
    So there the lock is a new one. A copy of a Turn has a lock of its own.
    """

    def __init__(self):
        self.lock = threading.Lock()
        _turns.add(self)

    def __reduce__(self):
        return Turn, ()


_turns = weakref.WeakSet()
_kernels_turn = Turn()


def parallel_kernel(function):
    """Numba's @njit(cache=True) for functions that call `share_out`, in any number of Python threads; x/0 is inf or NaN."""
    kernel = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    if not _numbas_own_pool:
        return kernel

    @functools.wraps(kernel)
    def one_at_a_time(*arguments):
        with _kernels_turn.lock:
            return kernel(*arguments)

    return one_at_a_time


inner_kernel = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy")
"""@njit for functions that kernels alone call: without a way in from Python (a call ends the process) or a file of their own,
which take time to make."""


def _pool_may_be_numbas_own():
    """Whether Numba was asked for its own pool, "workqueue", or may come to it because it finds no other."""
    asked, order = numba.config.THREADING_LAYER, numba.config.THREADING_LAYER_PRIORITY
    return asked in ("workqueue", "forksafe") or _openmp() is None or asked == "default" and order[-1] != "workqueue"


def _openmp():
    """Numba's module for OpenMP, or None without it. Imported late: that is when OpenMP reads GOMP_SPINCOUNT."""
    try:
        from numba.np.ufunc import omppool
    except ImportError:
        return None
    return omppool


_numbas_own_pool = _pool_may_be_numbas_own()


def _after_fork():
    """In the new process there is the forking thread alone. Only Numba's own pool is sure to start its threads again."""
    global _most
    for turn in _turns:
        turn.lock = threading.Lock()
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
