import os
import subprocess
import sys
import threading

import numba
import pytest

import nnlite
from nnlite.kernels.machine.threads import WORTH_A_THREAD, most_threads, threads_for

ALL = numba.config.NUMBA_NUM_THREADS
POOLS = ["omp", "workqueue"]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")

START = """
import os, threading
import numpy as np
from nnlite.kernels.fast import updates
from nnlite.kernels.machine.threads import WORTH_A_THREAD
from nnlite.optim.sgd import sgd

def moved():
    w, g = np.ones(WORTH_A_THREAD, np.float32), np.ones(WORTH_A_THREAD, np.float32)
    updates.in_one_pass(sgd, [[w, g]], (0.25, 0.0))
    return (w == 0.75).all()
"""

FORK = """
child = os.fork()
if child == 0:
    print(moved(), flush=True)
    os._exit(0)
print("exit", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def run(code, pool):
    """What a process with this pool of threads prints, once it has ended well."""
    if pool == "omp":
        pytest.importorskip("numba.np.ufunc.omppool")
    environment = {**os.environ, "NUMBA_THREADING_LAYER": pool}
    done = subprocess.run([sys.executable, "-c", START + code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "Exception" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture
def all_threads_afterwards():
    yield
    nnlite.set_num_threads(ALL)


def test_small_work_gets_one_thread_and_large_work_all(all_threads_afterwards):
    nnlite.set_num_threads(ALL)
    assert threads_for(WORTH_A_THREAD) == 1
    assert threads_for(100 * WORTH_A_THREAD) == ALL


def test_a_call_by_itself_needs_more_work_to_get_all_threads(all_threads_afterwards):
    nnlite.set_num_threads(ALL)
    assert threads_for(4 * WORTH_A_THREAD) == ALL and threads_for(4 * WORTH_A_THREAD, alone=True) == 1
    assert threads_for(100 * WORTH_A_THREAD, alone=True) == ALL


def test_set_num_threads_limits_every_python_thread(all_threads_afterwards):
    counts = []

    def count():
        counts.append(threads_for(100 * WORTH_A_THREAD))

    for limit in (1, ALL):
        nnlite.set_num_threads(limit)
        assert most_threads() == limit
        other = threading.Thread(target=count)
        other.start()
        other.join()
        count()
    assert counts == [1, 1, ALL, ALL]


@pytest.mark.parametrize("n", [0, -1, ALL + 1, 1.5, "1"])
def test_a_number_of_threads_that_cannot_be_is_an_error(n):
    with pytest.raises(ValueError, match=f"set_num_threads: expects 1 to {ALL} threads, got {n}"):
        nnlite.set_num_threads(n)
    assert most_threads() == ALL


@pytest.mark.parametrize("pool", POOLS)
def test_several_python_threads_may_run_kernels_at_once(pool):
    code = """
results = []
threads = [threading.Thread(target=lambda: results.extend(moved() for _ in range(50))) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(results), all(results))
"""
    assert run(code, pool) == "200 True\n"


@needs_fork
@pytest.mark.parametrize("pool", POOLS)
def test_a_process_that_is_forked_before_any_kernel_has_run_may_run_them(pool):
    assert run(FORK, pool) == "True\nexit 0\n"


@needs_fork
@pytest.mark.parametrize("pool, threads", [("omp", 1), ("workqueue", ALL)])
def test_after_kernels_have_run_a_forked_process_has_one_thread_or_numbas_own_pool(pool, threads):
    code = """
from nnlite.kernels.machine import threads
moved()
""" + FORK.replace("moved(), ", "moved(), threads.most_threads(), ")
    assert run(code, pool) == f"True {threads}\nexit 0\n"


@needs_fork
def test_more_threads_in_a_forked_process_share_one_core():
    code = """
import nnlite, numba
moved()
""" + FORK.replace("print", "nnlite.set_num_threads(numba.config.NUMBA_NUM_THREADS); print", 1)
    assert run(code, "omp") == "True\nexit 0\n"


@needs_fork
@pytest.mark.parametrize("pool", POOLS)
def test_a_fork_while_another_thread_runs_a_plan_can_run_it(pool):
    code = """
import nnlite
from nnlite import models
images = np.random.default_rng(0).random((256, 1, 28, 28), np.float32)
plan = nnlite.compile(models.lenet_5(seed=0), images[:1])
expected, ended = plan(images), False

def run_again_and_again():
    while not ended:
        plan(images)

def moved():
    return (plan(images) == expected).all()

thread = threading.Thread(target=run_again_and_again)
thread.start()
""" + 10 * FORK + """
ended = True
thread.join()
"""
    assert run(code, pool) == 10 * "True\nexit 0\n"


@needs_fork
def test_a_turn_that_another_thread_has_during_a_fork_is_free_in_the_new_process():
    code = """
from nnlite.kernels.machine import threads
threads._kernels_turn.lock.acquire()
""" + FORK
    assert run(code, "workqueue") == "True\nexit 0\n"


@pytest.mark.parametrize("pool", POOLS)
def test_an_exception_reaches_the_caller_from_each_of_numbas_pools(pool):
    code = """
import numba
from nnlite.kernels.machine.sharing import share_out, start_pool

@numba.njit
def refuse(t, thread):
    if t == 70:
        raise ValueError("task", t, "is refused")

@numba.njit(nogil=True)
def refuse_one(tasks, threads):
    share_out(refuse, tasks, threads, ())

start_pool()
for _ in range(100):
    try:
        refuse_one(100, numba.config.NUMBA_NUM_THREADS)
    except ValueError as error:
        caught = error.args
print(caught, numba.threading_layer())
"""
    assert run(code, pool) == f"('task', 70, 'is refused') {pool}\n"
