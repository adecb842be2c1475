import platform
import subprocess
import sys

import pytest

CODE = """
import resource
import numpy as np
{imports}

def work():
    return np.ones(2**20).sum()  # 8 MiB: 2,048 pages

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(imports):
    """How many pages 20 steps ask the system for, after a first one."""
    done = subprocess.run([sys.executable, "-c", CODE.format(imports=imports)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
def test_the_memory_of_an_array_that_was_freed_is_used_again():
    assert page_faults("import nnlite.kernels") < 200
