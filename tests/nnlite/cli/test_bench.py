from nnlite.cli.bench import time_calls


def test_training_and_both_kinds_of_inference_are_timed(result_of):
    result = result_of("bench", "--model", "mlp", "--model", "lenet-300-100", "--seconds", 0.001)
    assert set(result["machine"]) == {"cpu", "threads", "numba", "numpy", "python"}
    works = [("training step", 64), *(("float32", n) for n in (1, 64, 256)), *(("int8", n) for n in (1, 64, 256))]
    assert [(row["model"], row["work"], row["batch"]) for row in result["rows"]] == [
        (model, *work) for model in ("mlp", "lenet-300-100") for work in works]
    for row in result["rows"]:
        assert 0 < row["min_ms"] <= row["median_ms"] <= row["max_ms"] and row["runs"] >= 5


def test_the_table_has_a_line_for_each_figure(run):
    code, out, err = run("bench", "--model", "mlp", "--seconds", 0.001)
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["model", *["mlp"] * 7]


def test_calls_are_repeated_until_the_time_is_over_and_the_first_does_not_count(monkeypatch):
    clock, called = [0.0], []

    def work():
        clock[0] += 10 if not called else 0.25  # s
        called.append(None)

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    assert time_calls(work, 2.0) == {"median_ms": 250.0, "min_ms": 250.0, "max_ms": 250.0, "runs": 8}
