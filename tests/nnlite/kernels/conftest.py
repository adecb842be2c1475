"""Fixtures of the kernels' tests."""

import ctypes
import ctypes.util
import mmap

import numba
import numpy as np
import pytest


@pytest.fixture
def threads():
    """A function that sets how many threads the kernels use; put back afterwards."""
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two cores")
    before = numba.get_num_threads()
    yield numba.set_num_threads
    numba.set_num_threads(before)


@pytest.fixture
def before_a_wall():
    """A function that copies an array to the end of a page of memory behind which any access ends the process."""
    libc = ctypes.CDLL(ctypes.util.find_library("c"))
    if not hasattr(libc, "mprotect"):
        pytest.skip("needs mprotect")
    libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    pages = []

    def place(array):
        memory = mmap.mmap(-1, 2 * mmap.PAGESIZE)
        pages.append(memory)
        whole = np.frombuffer(memory, np.uint8)
        assert libc.mprotect(whole.ctypes.data + mmap.PAGESIZE, mmap.PAGESIZE, 0) == 0
        copy = whole[mmap.PAGESIZE - array.nbytes : mmap.PAGESIZE].view(array.dtype).reshape(array.shape)
        copy[...] = array
        return copy

    return place
