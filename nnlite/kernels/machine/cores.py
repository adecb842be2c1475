"""Keep the threads of the pool off the core that their caller runs on (Linux).

Linux likes to wake a thread on the core of the thread that wakes it. A thread of the pool that has nothing to do looks for work
for some milliseconds before it sleeps. If it does so on its caller's core, the two block each other: a kernel that takes 25 µs
on one thread took 300 µs on two. So the pool's threads may run on every core but their caller's.
"""

import ctypes
import os
import threading

import numba
import numpy as np
from numba import types

from nnlite.kernels.machine.cache import njit
from nnlite.kernels.machine.sharing import share_out, start_pool

_libc = ctypes.PyDLL(None) if hasattr(os, "sched_setaffinity") else None
_possible = hasattr(_libc, "sched_getcpu") and hasattr(_libc, "gettid") and not numba.config.DISABLE_JIT  # glibc ≥ 2.30
_gettid = types.ExternalFunction("gettid", types.int32())
_core = None  # the caller's core when the others were last moved
_others = None  # Linux's numbers of the pool's other threads


def keep_apart():
    """Let the pool's threads run on any core of the process, except the core that Python's main thread is on now.

    Other Python threads have pools of their own. Linux alone decides where these run.
    """
    if _possible and threading.current_thread() is threading.main_thread():
        core = _libc.sched_getcpu()
        if core != _core:
            move_off(core)


def move_off(core):
    """Keep the pool's other threads off this core, if the process has another one.

    The move fails for a thread that OpenMP has ended because it needed fewer threads, and on systems that forbid it. Then the
    threads stay where they are, and their numbers are collected again when the caller's core has changed.
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
    """Forget the threads' numbers after a fork: they belong to the parent."""
    global _core, _others
    _core = _others = None


def other_threads():
    """Linux's numbers of the threads of OpenMP's pool, except the caller's; [] with another pool."""
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
