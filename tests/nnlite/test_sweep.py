import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sweeps import product

from nnlite.sweep import sweep

SETTINGS = {"two": {"a": 2}, "three": {"a": 3, "b": 5}}


class InThisThread:
    """An executor that counts what it is given."""

    def __init__(self):
        self.calls, self.pool = 0, ThreadPoolExecutor(1)

    def submit(self, function, *arguments):
        self.calls += 1
        return self.pool.submit(function, *arguments)


def test_every_setting_runs_with_every_seed_and_each_run_is_a_file(tmp_path):
    rows = sweep(product, SETTINGS, range(2), tmp_path / "runs", InThisThread())
    assert [(row["name"], row["seed"], row["result"]["bytes"]) for row in rows] == [
        ("two", 0, 2), ("two", 1, 4), ("three", 0, 15), ("three", 1, 18)]
    assert json.loads((tmp_path / "runs/three-seed1.json").read_text()) == rows[3]
    assert rows[3]["setting"] == {"a": 3, "b": 5} and rows[3]["seconds"] >= 0


def test_what_is_there_is_not_run_again(tmp_path):
    first = sweep(product, SETTINGS, [0], tmp_path, InThisThread())
    executor = InThisThread()
    again = sweep(product, SETTINGS, [1, 0], tmp_path, executor)
    assert executor.calls == 2 and [again[1], again[3]] == first
    with pytest.raises(ValueError, match=r"two-seed0.json is of the setting {'a': 2}, this sweep has {'a': 4} under that name"):
        sweep(product, {"two": {"a": 4}}, [0], tmp_path, executor)


def test_an_error_comes_after_the_other_runs_are_kept(tmp_path):
    with pytest.raises(ArithmeticError, match="-1 is below 0") as caught:
        sweep(product, {"bad": {"a": -1}, "good": {"a": 1}}, [0], tmp_path, InThisThread())
    assert caught.value.__notes__ == ["in the run bad, seed 0"]
    assert [path.name for path in tmp_path.iterdir()] == ["good-seed0.json"]


def test_without_an_executor_new_processes_do_the_work_on_one_thread_each(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    rows = sweep(product, SETTINGS, [0, 1], tmp_path)
    assert [row["result"]["bytes"] for row in rows] == [2, 4, 15, 18]
    assert {row["result"]["threads"] for row in rows} == {"1"}


def test_dasks_executor_does_the_work_too(tmp_path):
    distributed = pytest.importorskip("distributed", reason="an extra: pip install distributed")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster, \
            distributed.Client(cluster) as client:
        rows = sweep(product, SETTINGS, [0], tmp_path, client.get_executor())
    assert [row["result"]["bytes"] for row in rows] == [2, 15]


def test_a_name_has_to_be_part_of_a_files(tmp_path):
    with pytest.raises(ValueError, match="'a/b' cannot be part of a file's name"):
        sweep(product, {"a/b": {}}, [0], tmp_path, InThisThread())


def pair(seed):
    return {1: (seed, seed)} if seed else {1}


def test_a_row_is_the_same_when_it_is_new_and_when_it_is_read(tmp_path):
    first = sweep(pair, {"a": {}}, [1], tmp_path, InThisThread())
    assert first == sweep(pair, {"a": {}}, [1], tmp_path, InThisThread()) and first[0]["result"] == {"1": [1, 1]}


def test_a_result_that_json_cannot_hold_does_not_stop_the_other_runs(tmp_path):
    with pytest.raises(TypeError, match="set is not JSON serializable") as error:
        sweep(pair, {"a": {}}, [0, 1, 2], tmp_path, InThisThread())
    assert error.value.__notes__ == ["in the run a, seed 0"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-seed1.json", "a-seed2.json"]
