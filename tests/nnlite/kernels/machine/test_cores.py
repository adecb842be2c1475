import os
import subprocess
import sys
import threading

import numba
import pytest

from nnlite.kernels.machine import cores, threads
from nnlite.kernels.machine.threads import WORTH_A_THREAD, set_num_threads, threads_for

ALL = numba.config.NUMBA_NUM_THREADS
pytestmark = pytest.mark.skipif(
    not cores._possible or len(os.sched_getaffinity(0)) < 2 or ALL < 2 or threads._numbas_own_pool,
    reason="needs Linux with a recent glibc, OpenMP, and two cores")


@pytest.fixture
def moved(monkeypatch):
    """What `os.sched_setaffinity` is asked for: [(thread, cores)]."""
    calls = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda *call: calls.append(call))
    monkeypatch.setattr(cores, "_core", None)
    monkeypatch.setattr(cores, "_others", [7, 8])
    return calls


def on_core(monkeypatch, core):
    monkeypatch.setattr(cores, "_libc", type("Libc", (), {"sched_getcpu": staticmethod(lambda: core)}))


def test_the_others_are_moved_off_the_callers_core_once_and_again_when_it_has_changed(moved, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda thread: {0, 1, 5})
    on_core(monkeypatch, 1)
    for _ in range(3):
        cores.keep_apart()
    assert moved == [(7, {0, 5}), (8, {0, 5})]
    on_core(monkeypatch, 5)
    cores.keep_apart()
    assert moved[2:] == [(7, {0, 1}), (8, {0, 1})]


def test_a_thread_that_has_ended_is_no_error_and_the_others_are_looked_for_again(moved, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda thread: {0, 1})
    monkeypatch.setattr(cores, "other_threads", lambda: [9])

    def move(thread, to):
        if thread == 7:
            raise ProcessLookupError(3, "No such process")
        moved.append((thread, to))

    monkeypatch.setattr(os, "sched_setaffinity", move)
    on_core(monkeypatch, 0)
    cores.keep_apart()
    assert moved == []
    on_core(monkeypatch, 1)
    cores.keep_apart()
    assert moved == [(9, {0})]


def test_nobody_is_moved_where_the_process_has_one_core(moved, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda thread: {3})
    on_core(monkeypatch, 3)
    cores.keep_apart()
    assert moved == []


def test_nobody_is_moved_for_another_python_thread(moved, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda thread: {0, 1})
    on_core(monkeypatch, 0)
    other = threading.Thread(target=cores.keep_apart)
    other.start()
    other.join()
    assert moved == []


def test_nobody_is_moved_for_work_of_one_thread(moved, monkeypatch):
    on_core(monkeypatch, 0)
    threads_for(0)
    assert moved == []
    set_num_threads(ALL)
    threads_for(100 * WORTH_A_THREAD)
    assert [thread for thread, _ in moved] == [7, 8]


REAL = """
import os, threading
import numba
from nnlite.kernels.machine import cores
from nnlite.kernels.machine.threads import WORTH_A_THREAD, threads_for

os.sched_setaffinity(0, {CORE})                       # so that the main thread's core is known
others = cores.other_threads()
os.sched_setaffinity(0, ALL)
cores._libc = type("Libc", (), {"sched_getcpu": staticmethod(lambda: CORE)})
threads_for(100 * WORTH_A_THREAD)
running = {int(number) for number in os.listdir("/proc/self/task")}
assert len(others) == numba.config.NUMBA_NUM_THREADS - 1 and set(others) < running
assert threading.get_native_id() not in others
print([os.sched_getaffinity(number) == ALL - {CORE} for number in others], os.sched_getaffinity(0) == ALL)
"""


def test_the_pools_own_threads_are_moved_and_the_main_one_is_not():
    everywhere = os.sched_getaffinity(0)
    for core in sorted(everywhere)[:2]:
        code = REAL.replace("CORE", str(core)).replace("ALL", str(everywhere))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.strip() == f"{[True] * (ALL - 1)} True", done.stderr
