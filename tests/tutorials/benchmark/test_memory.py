import os
import platform
import subprocess
import sys

import numpy as np
import pytest
from benchmark import memory

needs_proc = pytest.mark.skipif(not memory.CLEAR.exists(), reason="needs Linux's /proc/self")


@needs_proc
def test_growth_is_the_highest_that_a_call_reaches_although_it_frees_it():
    kept = np.ones(2**27, np.uint8)  # freed before the measurement: an earlier high does not count
    del kept
    grown = memory.growth(lambda: np.ones(2**26, np.uint8).sum(), 2)
    assert 2**26 <= grown + 2**20 <= 1.3 * 2**26


@needs_proc
def test_memory_that_was_freed_before_counts_when_it_is_used_again():
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("needs glibc")
    program = """
import numpy as np
from benchmark import memory
from nnlite.kernels.machine.memory import keep_freed_memory

keep_freed_memory()
np.ones(2**24, np.uint8)  # stays with malloc
print(memory.growth(lambda: np.ones(2**24, np.uint8), 1))
"""  # in a process of its own: what other tests have left on the heap would count, too
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 2**24 - 2**20


@needs_proc
def test_a_line_of_the_status_is_read_in_bytes(monkeypatch, tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n")
    monkeypatch.setattr(memory, "STATUS", status)
    assert (memory.status("VmHWM"), memory.status("VmRSS")) == (2048 * 1024, 1024 * 1024)


def test_without_proc_there_is_no_figure(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "CLEAR", tmp_path / "missing")
    assert memory.growth(lambda: None, 1) is None
