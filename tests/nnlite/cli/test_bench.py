import json

import numba
import pytest

from nnlite.bench import measure, works
from nnlite.cli.bench import as_json
from nnlite.cli.parser import build_parser

FIGURES = {"median_ms", "min_ms", "q1_ms", "q3_ms", "runs"}


@pytest.fixture
def short_ladder(monkeypatch):
    """Only a small product on the ladder, and peaks of a moment."""
    monkeypatch.setattr(works, "ladder", lambda: [works.on_the_tile(works.square(16))])
    peak = measure.measure_peak
    monkeypatch.setattr(measure, "measure_peak", lambda threads: peak(threads, seconds=0.001))
    monkeypatch.setattr(measure, "PAUSE", 0)


def test_training_and_both_kinds_of_inference_are_timed_and_written(short_ladder, result_of, tmp_path):
    result = result_of("bench", "--model", "mlp", "--seconds", 0.001, "--out", "bench.json", "--picture", "roof.png")
    networks = [row for row in result["rows"] if row["table"] == "networks"]
    assert [(row["do"], row.get("arithmetic"), row["batch"]) for row in networks] == [
        ("train", None, 64), *(("infer", kind, n) for n in (1, 64, 256) for kind in ("float32", "int8"))]
    for row in result["rows"]:
        assert set(row) > FIGURES and 0 < row["min_ms"] <= row["median_ms"] and row["runs"] >= 3
    assert json.loads((tmp_path / "bench.json").read_text(encoding="utf-8")) == result
    assert (tmp_path / "roof.png").read_bytes().startswith(b"\x89PNG")


def test_the_tables_are_printed(short_ladder, run):
    code, out, err = run("bench", "--model", "mlp", "--seconds", 0.001, "--threads", 1)
    assert (code, err) == (0, "")
    head, kernels, networks = out.split("\n\n")
    assert "Measured peak, 1 thread: " in head and len(kernels.splitlines()) == 3 and len(networks.splitlines()) == 8


def test_a_file_that_cannot_be_written_is_said_before_anything_is_timed(error_of, monkeypatch):
    monkeypatch.setattr("nnlite.cli.bench.measure", None)
    assert error_of("bench", "--out", "missing/bench.json").startswith("there is no such directory to write to")
    assert error_of("bench", "--picture", "missing/roof.svg").startswith("there is no such directory to write to")
    assert error_of("bench", "--picture", "roof.jpg") == "plot: the picture roof.jpg has to end in .png or .svg"


def test_more_threads_than_there_are_is_an_error(error_of):
    most = numba.config.NUMBA_NUM_THREADS
    assert error_of("bench", "--threads", most + 1) == f"--threads {most + 1}: this machine has {most}"


def test_threads_are_all_or_those_asked_for():
    from nnlite.cli.bench import thread_count
    from nnlite.kernels.machine.threads import most_threads

    def count(*line):
        return thread_count(build_parser().parse_args(["bench", *line]))

    assert (count(), count("--threads", "1")) == (most_threads(), 1)


def test_the_file_has_a_line_for_each_row():
    result = {"machine": {"cpu": "a"}, "rows": [{"a": 1, "b": "÷"}, {"a": 2}], "seconds": 3}
    written = as_json(result)
    assert json.loads(written) == result
    assert '  {"a": 1, "b": "÷"},\n  {"a": 2}\n' in written


def test_on_loops_there_is_nothing_to_compare_with(run, monkeypatch):
    monkeypatch.setattr("nnlite.kernels.SHELF", "loops")
    code, out, err = run("bench")
    assert (code, out) == (2, "") and "bench: times both shelves of kernels itself" in err
