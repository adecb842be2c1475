"""How many threads a kernel gets.

Waking a second thread takes some ten microseconds, and much longer where other programs keep the cores busy, so work that
takes about as long by itself stays on one. The result has the same bits either way: threads share out outputs, never a sum.
"""

import os

import numba

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # idle threads sleep soon instead of holding a core that others need

WORTH_A_THREAD = 1_000_000  # multiply-adds: some 20 µs of one core
MOVE = 16  # a number that is read, changed a little and written takes about as long as so many multiply-adds


def use_threads(work):
    """Set the number of threads of the next kernel call from its work, counted in multiply-adds, and return it."""
    wanted = 1 if work < 2 * WORTH_A_THREAD else most_threads()
    if numba.get_num_threads() != wanted:
        numba.set_num_threads(wanted)
    return wanted


_most = None


def most_threads():
    """The largest number of threads that kernels use: all cores, unless `set_num_threads` said otherwise."""
    return numba.config.NUMBA_NUM_THREADS if _most is None else _most


def set_num_threads(n):
    """Let kernels use at most n threads.   Errors: ValueError for n < 1 or more than the machine has."""
    global _most
    if not 1 <= n <= numba.config.NUMBA_NUM_THREADS:
        raise ValueError(f"set_num_threads: expects 1 to {numba.config.NUMBA_NUM_THREADS} threads, got {n}")
    _most = n
