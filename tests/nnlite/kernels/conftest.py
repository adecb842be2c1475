"""Fixtures of the kernels' tests."""

import ctypes
import ctypes.util
import importlib
import mmap

import numba
import numpy as np
import pytest

from nnlite import kernels
from nnlite.kernels.machine import threads as kernel_threads

if kernels.SHELF == "loops":
    collect_ignore = ["fast", "simd", "machine"]  # what the loops have not


@pytest.fixture(scope="session", params=["loops", "fast"])
def shelf(request):
    """Each of the two shelves of kernels, for tests of what both promise."""
    if request.param == "fast" and kernels.SHELF == "loops":
        pytest.skip("the engine runs on loops: the fast kernels are tested without NNLITE_KERNELS")
    return importlib.import_module(f"nnlite.kernels.{request.param}")


@pytest.fixture
def threads(monkeypatch):
    """A function that sets how many threads the kernels use, however little the work is; put back afterwards."""
    if kernels.SHELF == "loops":
        pytest.skip("the loops have one thread")
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two cores")
    monkeypatch.setattr(kernel_threads, "WORTH_A_THREAD", 0)
    monkeypatch.setattr(kernel_threads, "_most", None)
    return kernel_threads.set_num_threads


@pytest.fixture
def before_a_wall():
    """A function that copies an array to the end of some pages of memory behind which any access ends the process."""
    libc = ctypes.CDLL(ctypes.util.find_library("c"))
    if not hasattr(libc, "mprotect"):
        pytest.skip("needs mprotect")
    libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    pages = []

    def place(array):
        size = -(-array.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
        memory = mmap.mmap(-1, size + mmap.PAGESIZE)
        pages.append(memory)
        whole = np.frombuffer(memory, np.uint8)
        assert libc.mprotect(whole.ctypes.data + size, mmap.PAGESIZE, 0) == 0
        copy = whole[size - array.nbytes : size].view(array.dtype).reshape(array.shape)
        copy[...] = array
        return copy

    return place
