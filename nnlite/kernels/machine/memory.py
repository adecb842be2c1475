"""Memory: freed arrays are kept for the next step, and arrays begin where registers read them fastest.

Every step of training makes and frees the same arrays, of some megabytes each. By default glibc returns such large arrays to
the system at once. The next step then gets them back page by page, which takes a large part of its time. `keep_freed_memory`
tells glibc to reuse them. The process then keeps the most memory that it has ever needed, and the rule holds for every other
library in the process.
"""

import ctypes
import math
import platform

import numpy as np

from nnlite.kernels.machine.cache import njit

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
LINE = 64  # bytes of a line of the cache
LARGEST = 2**25  # bytes of an array that can be reused; every version of glibc accepts so many
NEVER = -1
BYTE = np.dtype(np.uint8)


def keep_freed_memory():
    """Make glibc's malloc reuse the memory of freed arrays of up to 32 MiB. With another C library, do nothing."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST)
        libc.mallopt(M_TRIM_THRESHOLD, NEVER)


def empty(shape, dtype):
    """np.empty that begins at a multiple of 64 bytes, so that no aligned register straddles two lines of the cache."""
    buffer = np.empty(math.prod(shape) * np.dtype(dtype).itemsize + LINE, BYTE)
    return np.ndarray(shape, dtype, buffer, -address(buffer) % LINE)


def empty_rows(M, N, dtype):
    """An empty (M, N) matrix: 64-byte aligned if its rows are multiples of 64 bytes, otherwise np.empty, which is quicker."""
    return np.empty((M, N), dtype) if N * dtype.itemsize % LINE else empty((M, N), dtype)


def aligned(array):
    """A contiguous copy of an array that begins at a multiple of 64 bytes."""
    copy = empty(array.shape, array.dtype)
    copy[...] = array
    return copy


@njit(cache=True)
def address(array):
    """The address of an array's first number, 0 for an empty array. `array.ctypes.data` takes Python five times as long."""
    return np.intp(array.ctypes.data) if array.size else 0
