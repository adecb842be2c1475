import json
import shlex
from collections import Counter

import pytest

from nnlite.bench import measure as module
from nnlite.cli.bench import MODELS, thread_count
from nnlite.cli.parser import build_parser


def test_the_kernels_and_every_network_are_timed(measure):
    result = measure(["cnn", "lenet-300-100"], 2)
    assert set(result) == {"command", "started", "seed", "machine", "threads", "models", "peaks", "rows", "seconds"}
    assert json.loads(json.dumps(result)) == result
    assert {(row["by"], row["table"], row["threads"]) for row in result["rows"]} == {("nnlite", "ladder", 2),
                                                                                     ("nnlite", "networks", 2)}
    works = Counter((row["model"], row["do"]) for row in result["rows"] if row["table"] == "networks")
    assert works == {("cnn", "train"): 1, ("cnn", "infer"): 6, ("lenet-300-100", "train"): 2, ("lenet-300-100", "infer"): 6}


def test_every_row_says_what_who_how_and_how_long(measure):
    for row in measure(["cnn"], 1)["rows"]:
        assert {"table", "contest", "do", "by", "threads", "median_ms", "min_ms", "q1_ms", "q3_ms", "runs"} <= set(row)


def test_rows_of_a_contest_are_of_one_table_and_contests_are_numbered(measure):
    rows = measure(["lenet-5"], 1)["rows"]
    assert len({(row["contest"], row["table"]) for row in rows}) == max(row["contest"] for row in rows) + 1
    assert [row["contest"] for row in rows] == sorted(row["contest"] for row in rows)


def test_blas_which_uses_all_cores_is_timed_only_where_nnlite_does(monkeypatch):
    monkeypatch.setattr(module, "most_threads", lambda: 2)
    rungs = {n: {work["rung"] for table, group in module.groups(["cnn"], n) for work in group if table == "ladder"}
             for n in (1, 2)}
    assert rungs == {1: {"formula", "loops", "tile"}, 2: {"formula", "BLAS", "loops", "tile"}}


def test_works_of_a_group_are_each_timed_in_turns(monkeypatch):
    monkeypatch.setattr(module, "prepare", lambda work: lambda: None)
    monkeypatch.setattr(module, "PAUSE", 0)
    one, two = module.time_in_turns([{"a": 1}, {"a": 2}], seconds=0.001)
    assert set(one) == set(two) == {"median_ms", "min_ms", "q1_ms", "q3_ms", "runs"} and one["runs"] >= 3 * module.ROUNDS


@pytest.mark.parametrize("line", ["", "--model cnn --model lenet-5 --threads 1 --seconds 0.5"])
def test_the_command_of_a_result_asks_for_it_again(measure, line):
    arguments = build_parser().parse_args(["bench", *line.split()])
    given = (arguments.model or MODELS, thread_count(arguments), arguments.seconds)
    again = build_parser().parse_args(shlex.split(measure(*given)["command"])[1:])
    assert (again.model or MODELS, thread_count(again), again.seconds) == given
