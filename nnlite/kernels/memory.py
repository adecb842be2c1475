"""Freed memory is kept for the next step.

Training frees and asks for the same arrays, of some megabytes each, in every step. glibc hands such large ones back to the
system at once and gets them anew page by page, which takes a good part of a step. Told not to, it reuses them. The process
then keeps what it once needed, and other libraries in it are served by the same rule.
"""

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
LARGEST = 2**25  # the most that every version of glibc accepts


def keep_freed_memory():
    """Make glibc's malloc reuse arrays of up to 32 MiB; with another C library nothing happens."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST)
        libc.mallopt(M_TRIM_THRESHOLD, LARGEST)
