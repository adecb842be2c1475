import os
import subprocess
import sys
from typing import NamedTuple

import numba
import numpy as np
import pytest

from nnlite.kernels.machine import cores, sharing
from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.sharing import share_out, start_pool
from nnlite.kernels.machine.threads import parallel_kernel

ALL = numba.config.NUMBA_NUM_THREADS


class Line(NamedTuple):
    slope: int
    start: int


@inner_kernel
def note_task(t, thread, line, scale, negative, y, threads_of):
    y[t] += (line.slope * t + line.start) * (-scale if negative else scale)
    threads_of[t] = thread


@parallel_kernel
def note_tasks(tasks, line, scale, negative, y, threads_of, threads):
    share_out(note_task, tasks, threads, (line, scale, negative, y, threads_of))


@inner_kernel
def double_task(t, thread, y):
    y[t] *= 2


@inner_kernel
def add_task(t, thread, y, size):
    y[t] += size


@parallel_kernel
def double_and_add_again_and_again(y, times, threads):
    for _ in range(times):
        share_out(double_task, len(y), threads, (y,))
        share_out(add_task, len(y), threads, (y, len(y)))


@inner_kernel
def refuse_a_task(t, thread, done, refused):
    if t == refused:
        raise ValueError("task", t, "is refused")
    if t == refused - 1000:
        raise KeyError("a task is refused")
    done[t] = True


@parallel_kernel
def refuse_tasks(done, refused, threads):
    share_out(refuse_a_task, len(done), threads, (done, refused))


@inner_kernel
def fail(t, thread):
    raise ZeroDivisionError("every task")


@parallel_kernel
def fail_everywhere(tasks, threads):
    share_out(fail, tasks, threads, ())


@pytest.fixture(params=["with a pool", "without"], autouse=True)
def pool(request, monkeypatch):
    start_pool()
    if request.param == "without":
        monkeypatch.setattr(sharing._pool, "value", None)
    return "without" if numba.config.DISABLE_JIT else request.param


@pytest.mark.parametrize("threads", range(1, ALL + 1))
@pytest.mark.parametrize("tasks", [0, 1, 2, 3, 7, 100])
def test_every_task_is_done_once_and_thread_k_has_the_kth_part(tasks, threads):
    y, threads_of = np.zeros(100), np.full(100, -1)
    note_tasks(tasks, Line(3, 5), 0.5, True, y, threads_of, threads)
    assert y.tolist() == [-0.5 * (3 * t + 5) for t in range(tasks)] + [0] * (100 - tasks)
    parts = [[k] * (tasks * (k + 1) // threads - tasks * k // threads) for k in range(threads)]
    assert threads_of.tolist() == sum(parts, []) + [-1] * (100 - tasks)


@pytest.mark.parametrize("threads", range(1, ALL + 1))
def test_what_is_shared_out_next_begins_when_all_before_is_done(threads):
    y = np.zeros(1000)
    double_and_add_again_and_again(y, 20, threads)
    assert (y == 1000 * (2**20 - 1)).all()


@pytest.mark.parametrize("threads", range(1, ALL + 1))
@pytest.mark.parametrize("refused", [0, 1, 49, 50, 99])
def test_what_a_task_raises_reaches_the_caller_and_the_other_threads_do_all_of_theirs(refused, threads, pool):
    for number, error in [(refused, ValueError("task", refused, "is refused")),
                          (refused + 1000, KeyError("a task is refused"))]:
        done = np.zeros(100, np.bool_)
        with pytest.raises(type(error)) as caught:
            refuse_tasks(done, number, threads)
        assert caught.value.args == error.args
        ends = [100 * (k + 1) // threads for k in range(threads)]
        left_out = range(refused, next(end for end in ends if refused < end) if pool == "with a pool" else 100)
        assert done.tolist() == [t not in left_out for t in range(100)]


@pytest.mark.parametrize("threads", range(1, ALL + 1))
def test_after_an_exception_the_next_call_works(threads):
    done = np.zeros(100, np.bool_)
    with pytest.raises(ValueError):
        refuse_tasks(done, 70, threads)
    refuse_tasks(done, -1, threads)
    assert done.all()


def test_an_exception_leaves_no_reference_behind():
    done = np.zeros(100, np.bool_)
    before = sys.getrefcount(done)
    for _ in range(100):
        with pytest.raises(ValueError):
            refuse_tasks(done, 70, ALL)
    assert sys.getrefcount(done) == before


def test_if_every_task_raises_the_caller_gets_one_of_the_exceptions():
    with pytest.raises(ZeroDivisionError, match="every task"):
        fail_everywhere(100, ALL)


def test_python_that_is_not_compiled_does_the_same():
    y, threads_of = np.zeros(4), np.full(4, -1)
    share_out(getattr(note_task, "py_func", note_task), 3, 2, (Line(3, 5), 0.5, False, y, threads_of))
    assert y.tolist() == [2.5, 4, 5.5, 0] and threads_of.tolist() == [0, 1, 1, -1]


needs_compiling = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")

CACHED = """
import numba, numpy as np
from nnlite.kernels.fast import pointwise
from nnlite.kernels.machine import sharing
from nnlite.kernels.machine.threads import most_threads
assert not sharing._pool.value
x = np.arange(-3, 3.0)
y = np.empty(6)
pointwise._relu(x, y, most_threads())
kernel = pointwise._relu if hasattr(pointwise._relu, "stats") else pointwise._relu.__wrapped__  # with Numba's own pool
print(y.tolist(), len(kernel.stats.cache_hits), sharing._pool.value)
"""


@needs_compiling
def test_a_kernel_from_the_cache_runs_in_a_process_that_has_no_pool_yet(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    for hits in range(2):
        done = subprocess.run([sys.executable, "-c", CACHED], env=environment, capture_output=True, text=True)
        assert done.stdout == f"[0.0, 0.0, 0.0, 0.0, 1.0, 2.0] {hits} None\n", done.stderr


@pytest.mark.skipif(not cores._possible or ALL < 2, reason="needs Linux with a recent glibc, and two cores")
def test_threads_are_threads_of_the_system(pool, request):
    numbers = np.zeros(ALL, np.int64)
    cores._collect_numbers(numbers)
    assert len(set(numbers)) == (ALL if "with a pool" in request.node.name else 1)
