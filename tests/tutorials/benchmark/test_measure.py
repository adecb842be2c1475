import json
import shlex
from collections import Counter

import pytest
from benchmark import measure as module
from benchmark.__main__ import read_arguments, thread_counts

from nnlite.cli.bench import MODELS
from nnlite.kernels.machine.threads import most_threads


def test_everything_is_measured_on_each_number_of_threads(measure):
    result = measure(MODELS, [1, 2])
    assert set(result) == {"command", "started", "seed", "machine", "threads", "models", "peers", "peaks", "rows",
                           "memory", "compiling", "targets", "seconds"}
    assert json.loads(json.dumps(result)) == result
    for n in (1, 2):
        tables = Counter(row["table"] for row in result["rows"] if row["threads"] == n)
        assert tables == {"ladder": tables["ladder"], "networks": 4 * 3 * 5 + 3 * 3 + 2 * 2, "shrunk": 2, "batches": 6,
                          "sparse": 2, "int8 products": 250, "threads": 1}
    assert [peak["threads"] for peak in result["peaks"]] == [grown["threads"] for grown in result["memory"]] == [1, 2]


def test_every_row_says_what_who_how_and_how_long(measure):
    result = measure(["cnn"], [1])
    for row in result["rows"]:
        assert {"table", "contest", "do", "by", "threads", "median_ms", "min_ms", "q1_ms", "q3_ms", "runs"} <= set(row)


def test_every_target_is_judged_once_for_each_number_of_threads(measure):
    judged = Counter(target["threads"] for target in measure(MODELS, [1, 2])["targets"])
    assert judged == {1: 17, 2: 17 + 3}  # and throughput, and twice the seconds of compiling


def test_rows_of_a_contest_are_of_one_table_and_contests_are_numbered(measure):
    rows = measure(["lenet-5"], [1])["rows"]
    assert len({(row["contest"], row["table"]) for row in rows}) == max(row["contest"] for row in rows) + 1
    assert [row["contest"] for row in rows] == sorted(row["contest"] for row in rows)


def test_peers_that_are_missing_take_no_part(measure, monkeypatch):
    monkeypatch.setattr(module, "installed_peers", lambda: ["torch"])
    result = measure(["cnn"], [1])
    assert {row["by"] for row in result["rows"]} == {"nnlite", "torch"}
    assert "int8 products" not in {row["table"] for row in result["rows"]}
    monkeypatch.setattr(module, "installed_peers", lambda: [])
    assert {row["by"] for row in measure(["cnn"], [1])["rows"]} == {"nnlite"}


def test_memory_is_that_of_the_steps_behind_the_first(measure):
    (grown,) = measure(["cnn"], [1])["memory"]
    twice = {"code": 2_000_000, "steps": 128_000_000}
    assert grown["bytes"] == {"nnlite": {"code": 1_000_000, "steps": 64_000_000}, "torch channels first": twice,
                              "torch channels last": twice}


@pytest.mark.parametrize("line", ["", "--model cnn --model lenet-5 --threads 1 --seconds 0.5"])
def test_the_command_of_a_result_asks_for_it_again(measure, line):
    arguments = read_arguments(line.split())
    given = (arguments.model or MODELS, thread_counts(arguments), arguments.seconds)
    again = read_arguments(shlex.split(measure(*given)["command"])[2:])
    assert (again.model or MODELS, thread_counts(again), again.seconds) == given


def test_threads_are_one_and_all_or_those_asked_for():
    assert thread_counts(read_arguments([])) == sorted({1, most_threads()})
    assert thread_counts(read_arguments(["--threads", "1"])) == [1]
