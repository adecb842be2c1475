"""Keep the threads of the pool off the core that their caller runs on (Linux).

Linux likes to wake a thread on the core of the one that wakes it. A waiting thread of the pool looks around for a while before
it sleeps, so two on one core wait for each other, and for as long as calls come in short rows a kernel takes longer than on
one thread: 25 µs became 300. With one core ruled out for them the others are woken elsewhere.
"""

import ctypes
import os
import threading

import numba
import numpy as np
from numba import njit, types

from nnlite.kernels.machine.sharing import share_out, start_pool

_libc = ctypes.PyDLL(None) if hasattr(os, "sched_setaffinity") else None
_possible = hasattr(_libc, "sched_getcpu") and hasattr(_libc, "gettid") and not numba.config.DISABLE_JIT  # glibc ≥ 2.30
_gettid = types.ExternalFunction("gettid", types.int32())
_core = None  # the caller's core when the others were last moved
_others = None  # Linux's numbers of the pool's other threads


def keep_apart():
    """Let the pool's threads run on any core that is the process's, but not the one that Python's main thread is on now.

    Other Python threads have pools of their own; these are left to Linux.
    """
    if _possible and threading.current_thread() is threading.main_thread():
        core = _libc.sched_getcpu()
        if core != _core:
            move_off(core)


def move_off(core):
    """Rule this core out for the pool's other threads, where another one is left for them.

    OpenMP ends threads that a smaller team has no use for, and a system may forbid the move: then the threads stay where they
    are, and are looked for again when the caller's core has changed.
    """
    global _core, _others
    if _others is None:
        _others = other_threads()
    _core, elsewhere = core, os.sched_getaffinity(0) - {core}
    if elsewhere:
        try:
            for number in _others:
                os.sched_setaffinity(number, elsewhere)
        except OSError:
            _others = None


def forget_threads():
    """The numbers are those of another process: this one has been forked."""
    global _core, _others
    _core = _others = None


def other_threads():
    """Linux's numbers of the threads of OpenMP's pool without the caller's; none with another pool."""
    numbers = np.zeros(numba.config.NUMBA_NUM_THREADS, np.int64)
    start_pool()
    _collect_numbers(numbers)
    if numba.threading_layer() != "omp":
        return []
    return [int(number) for number in numbers if number not in (0, threading.get_native_id())]


@njit(cache=True, nogil=True)
def _collect_numbers(numbers):
    share_out(collect_number, len(numbers), len(numbers), (numbers,))


@njit
def collect_number(t, thread, numbers):
    numbers[thread] = _gettid()
