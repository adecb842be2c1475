import json
import shlex
from collections import Counter

import pytest

from nnlite.bench import measure as module
from nnlite.cli.bench import MODELS, thread_counts
from nnlite.cli.parser import build_parser


def test_with_peers_everything_is_measured_on_each_number_of_threads(measure):
    result = measure(MODELS, [1, 2], with_peers=True)
    assert set(result) == {"command", "started", "seed", "machine", "threads", "models", "with_peers", "peers", "peaks", "rows",
                           "memory", "compiling", "targets", "seconds"}
    assert json.loads(json.dumps(result)) == result
    for n in (1, 2):
        tables = Counter(row["table"] for row in result["rows"] if row["threads"] == n)
        assert tables == {"ladder": tables["ladder"], "networks": 4 * 3 * 5 + 3 * 3 + 2 * 2, "shrunk": 2, "batches": 6,
                          "sparse": 2, "edges": tables["edges"], "int8 products": 250, "threads": 1}
    assert [peak["threads"] for peak in result["peaks"]] == [grown["threads"] for grown in result["memory"]] == [1, 2]


def test_every_row_says_what_who_how_and_how_long(measure):
    result = measure(["cnn"], [1], with_peers=True)
    for row in result["rows"]:
        assert {"table", "contest", "do", "by", "threads", "median_ms", "min_ms", "q1_ms", "q3_ms", "runs"} <= set(row)


def test_every_target_is_judged_once_for_each_number_of_threads(measure):
    judged = Counter(target["threads"] for target in measure(MODELS, [1, 2], with_peers=True)["targets"])
    assert judged == {1: 18, 2: 18 + 3}  # and throughput, and twice the seconds of compiling


def test_rows_of_a_contest_are_of_one_table_and_contests_are_numbered(measure):
    rows = measure(["lenet-5"], [1], with_peers=True)["rows"]
    assert len({(row["contest"], row["table"]) for row in rows}) == max(row["contest"] for row in rows) + 1
    assert [row["contest"] for row in rows] == sorted(row["contest"] for row in rows)


def test_by_itself_nnlite_is_timed_alone_and_nothing_is_judged(measure):
    result = measure(["cnn", "lenet-300-100"], [2])
    assert {(row["by"], row["table"]) for row in result["rows"]} == {("nnlite", "ladder"), ("nnlite", "networks")}
    assert not {"targets", "memory", "compiling"} & set(result) and result["peers"] == []
    works = Counter((row["model"], row["do"]) for row in result["rows"] if row["table"] == "networks")
    assert works == {("cnn", "train"): 1, ("cnn", "infer"): 6, ("lenet-300-100", "train"): 2, ("lenet-300-100", "infer"): 6}


def test_peers_that_are_missing_take_no_part(measure, monkeypatch):
    monkeypatch.setattr(module, "installed_peers", lambda: ["torch"])
    result = measure(["cnn"], [1], with_peers=True)
    assert {row["by"] for row in result["rows"]} == {"nnlite", "torch"}
    assert "int8 products" not in {row["table"] for row in result["rows"]}
    monkeypatch.setattr(module, "installed_peers", lambda: [])
    assert {row["by"] for row in measure(["cnn"], [1], with_peers=True)["rows"]} == {"nnlite"}


def test_memory_is_that_of_the_steps_behind_the_first(measure):
    (grown,) = measure(["cnn"], [1], with_peers=True)["memory"]
    twice = {"code": 2_000_000, "steps": 128_000_000}
    assert grown["bytes"] == {"nnlite": {"code": 1_000_000, "steps": 64_000_000}, "torch channels first": twice,
                              "torch channels last": twice}


@pytest.mark.parametrize("line", ["", "--peers", "--model cnn --model lenet-5 --threads 1 --seconds 0.5"])
def test_the_command_of_a_result_asks_for_it_again(measure, line):
    arguments = build_parser().parse_args(["bench", *line.split()])
    given = (arguments.model or MODELS, thread_counts(arguments), arguments.peers, arguments.seconds)
    again = build_parser().parse_args(shlex.split(measure(*given)["command"])[1:])
    assert (again.model or MODELS, thread_counts(again), again.peers, again.seconds) == given
