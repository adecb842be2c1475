import platform
import subprocess
import sys

import numpy as np
import pytest

from nnlite.kernels import empty

CODE = """
import resource
import numpy as np
import nnlite.kernels

def work():
    return [np.ones(2**20) for _ in range({count})]  # 8 MiB each: 2,048 pages

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(count):
    """How many pages 20 steps ask the system for, after a first one. Each has so many arrays at a time."""
    done = subprocess.run([sys.executable, "-c", CODE.format(count=count)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
@pytest.mark.parametrize("count", [1, 10])  # 80 MiB: more than glibc would keep by itself, whatever the size of each
def test_the_memory_of_arrays_that_were_freed_is_used_again(count):
    assert page_faults(count) < 200


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (5, 7), (2, 3, 5, 7), (2**20,)])
def test_an_empty_array_begins_at_a_multiple_of_64_bytes_and_is_its_own(shape, dtype):
    arrays = [empty(shape, dtype) for _ in range(9)]
    for number, array in enumerate(arrays):
        assert (array.shape, array.dtype) == (shape, dtype) and array.flags.c_contiguous and array.flags.writeable
        assert array.ctypes.data % 64 == 0
        array[...] = number
    assert all((array == number).all() for number, array in enumerate(arrays))  # none overlaps another
