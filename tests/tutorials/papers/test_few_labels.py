import json

import numpy as np
import pytest


def test_the_quick_run_records_every_strategy_and_draws_them(program, tmp_path, capsys):
    path = tmp_path / "few.json"
    few = program("few_labels", "--quick", "--labels", 1, 8, "--out", path)
    record = json.loads(path.read_text())
    assert [(row["labels"], row["strategy"]) for row in record["rows"]] == [(n, s) for n in (1, 8) for s in few.STRATEGIES]
    assert list(record["rates"]["digits"]) == list(few.STRATEGIES)
    assert all(len(rates) == 2 and set(rates) <= set(few.RATES) for rates in record["rates"]["digits"].values())
    assert all(0 <= row["accuracy"] <= 1 for row in record["rows"]) and record["seed"] == [0]
    assert path.with_suffix(".svg").read_text().count("<svg") == 1
    table = capsys.readouterr().out
    assert "| strategy | 1 label | 8 labels |" in table and "| best − scratch |" in table


def test_the_gain_is_taken_seed_by_seed(program):
    few = program("few_labels")
    score = {"scratch": (0.5, 0.7), "lora": (0.75, 0.9)}
    rows = [{"task": "digits", "labels": 5, "strategy": s, "seed": seed, "accuracy": score.get(s, (0.1, 0.2))[seed]}
            for seed in (0, 1) for s in few.STRATEGIES]
    lines = few.table(rows, "digits").splitlines()
    assert "| scratch | 60.0 ± 10.0 |" in lines
    assert lines[-1] == "| best − scratch | lora +22.5 (+20.0 … +25.0) |"


def test_all_strategies_of_a_seed_meet_the_same_labels_and_held_out_images_are_not_among_them(program):
    few = program("few_labels")
    (task,) = few.tasks(quick=True)
    drawn, held_out = task.split()
    assert len(drawn) + len(held_out) == len(task.target.training)
    first, again = (drawn.few(3, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first.images, again.images)
    with pytest.raises(ValueError, match="few: 500 samples per class asked"):
        few.tuned(task, None, 500, "scratch", 0.1, 0)
