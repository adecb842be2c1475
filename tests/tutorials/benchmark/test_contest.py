import os

import numba
import pytest
from benchmark import contest

PRODUCT = {"do": "matmul", "M": 2, "K": 3, "N": 4, "rung": "tile", "arithmetic": "float32", "by": "nnlite", "threads": 1}


@pytest.fixture(scope="module")
def worker():
    with contest.Worker("nnlite", 1) as worker:
        yield worker
    assert worker.process.returncode == 0


def test_a_worker_times_as_many_calls_as_it_is_asked_for(worker):
    times = worker.time(PRODUCT, 7)
    assert len(times) == 7 and all(t > 0 for t in times)


def test_a_worker_tells_how_much_memory_a_work_takes(worker):
    grown = worker.ask({"work": {**PRODUCT, "M": 2000, "K": 1, "N": 2000}, "memory": 1})
    assert grown is None or grown >= 2000 * 2000 * 4 - 2**20


def test_a_contest_adds_a_summary_to_each_entry(worker):
    entries = [PRODUCT, {**PRODUCT, "rung": "loops"}]
    rows = contest.contest({("nnlite", 1): worker}, entries, rounds=2, turn_ms=0.001, pause=0)
    for row, entry in zip(rows, entries, strict=True):
        assert row == {**row, **entry} and set(row) - set(entry) == {"median_ms", "min_ms", "q1_ms", "q3_ms", "runs"}
        assert row["runs"] == 6 and 0 < row["min_ms"] <= row["q1_ms"] <= row["median_ms"] <= row["q3_ms"]


def test_a_worker_that_dies_is_an_error_that_says_who_and_at_what(capfd):
    with contest.Worker("nnlite", 1) as worker:
        for _ in range(2):  # the second time its pipe is closed already
            with pytest.raises(ChildProcessError, match="the nnlite worker of the bench ended at .*'do': 'sleep'"):
                worker.time({"do": "sleep"}, 1)
    assert "KeyError: 'sleep'" in capfd.readouterr().err


def test_a_worker_has_its_number_of_threads_everywhere_and_none_of_our_own_settings(monkeypatch):
    started = {}
    monkeypatch.setenv("GOMP_SPINCOUNT", "10000")
    monkeypatch.setattr(contest.subprocess, "Popen", lambda command, env, **pipes: started.update(command=command, env=env))
    contest.Worker("torch", 3, "folder")
    assert started["command"][1:] == [contest.__file__.replace("contest.py", "worker.py"), "torch", "3", "folder"]
    assert {started["env"][name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")} == {"3"}
    assert "GOMP_SPINCOUNT" not in started["env"] and started["env"]["PATH"] == os.environ["PATH"]


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two cores")
def test_two_workers_of_one_name_differ_in_threads():
    with contest.Worker("nnlite", 1) as one, contest.Worker("nnlite", 2) as two:
        entries = [PRODUCT, {**PRODUCT, "threads": 2}]
        rows = contest.contest({("nnlite", 1): one, ("nnlite", 2): two}, entries, rounds=1, turn_ms=0.001, pause=0)
    assert [row["threads"] for row in rows] == [1, 2]


def test_a_peer_is_installed_if_all_that_it_needs_is(monkeypatch):
    monkeypatch.setattr(contest.importlib.util, "find_spec", lambda name: None if name == "onnx" else name)
    assert contest.installed_peers() == ["torch"]
    monkeypatch.setattr(contest.importlib.util, "find_spec", lambda name: name)
    assert contest.installed_peers() == ["torch", "onnxruntime"]
