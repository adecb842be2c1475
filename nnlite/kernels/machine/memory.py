"""Freed memory is kept for the next step.

Training frees and asks for the same arrays, of some megabytes each, in every step. glibc hands such large ones back to the
system at once and gets them anew page by page, which takes a good part of a step. Told not to, it reuses them. The process
then keeps what it once needed, and other libraries in it are served by the same rule.
"""

import ctypes
import math
import platform

import numpy as np
from numba import njit

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
LINE = 64  # bytes of a line of the cache
LARGEST = 2**25  # array that can come from memory that was kept: the most that every version of glibc accepts
NEVER = -1
BYTE = np.dtype(np.uint8)


def keep_freed_memory():
    """Make glibc's malloc reuse arrays of up to 32 MiB, however many; with another C library nothing happens."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST)
        libc.mallopt(M_TRIM_THRESHOLD, NEVER)


def empty(shape, dtype):
    """np.empty, beginning at a multiple of 64 bytes: a register read from elsewhere may straddle two lines of the cache."""
    buffer = np.empty(math.prod(shape) * np.dtype(dtype).itemsize + LINE, BYTE)
    return np.ndarray(shape, dtype, buffer, -address(buffer) % LINE)


def empty_rows(M, N, dtype):
    """`empty` for a matrix, where each of its rows can begin at such a multiple; else np.empty, which takes less time."""
    return np.empty((M, N), dtype) if N * dtype.itemsize % LINE else empty((M, N), dtype)


def aligned(array):
    """A copy of an array, contiguous, that begins where `empty` makes them begin."""
    copy = empty(array.shape, array.dtype)
    copy[...] = array
    return copy


@njit(cache=True)
def address(array):
    """Where an array begins; `array.ctypes.data` takes five times as long."""
    return array.ctypes.data
