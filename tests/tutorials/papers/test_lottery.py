import json

import numpy as np
import pytest


def test_the_quick_run_records_tickets_and_controls_and_draws_them(program, tmp_path, capsys):
    path = tmp_path / "lottery.json"
    program("lottery", "--quick", "--rounds", 1, "--steps", 30, "--every", 10, "--out", path)
    record = json.loads(path.read_text())
    assert [(row["kind"], row["round"], round(row["left"], 2)) for row in record["rows"]] == [
        ("ticket", 0, 1.0), ("ticket", 1, 0.8), ("control", 1, 0.8)]
    assert all(row["stop"] in (10, 20, 30) and 0 <= row["test"] <= 1 for row in record["rows"]) and record["seed"] == [0]
    assert path.with_suffix(".svg").read_text().count("<svg") == 1
    table = capsys.readouterr().out
    assert "| 100.0 % |" in table and "– | – |" in table and "| 80." in table


def test_steps_are_counted_over_the_ends_of_the_loader(program):
    steps = program("lottery").Steps([1, 2, 3], 7)
    assert list(steps) == list(steps) == [1, 2, 3, 1, 2, 3, 1]


def test_the_first_weights_are_glorots(program):
    lottery = program("lottery")
    weights = lottery.first_weights(lottery.digits(), 0)
    w = weights["fc1.weight"]
    assert w.std() == pytest.approx((2 / (64 + 60)) ** 0.5, rel=0.05) and not weights["fc1.bias"].any()
    np.testing.assert_array_equal(w, lottery.first_weights(lottery.digits(), 0)["fc1.weight"])


def test_means_are_over_seeds(program):
    rows = [{"seed": seed, "kind": "ticket", "round": 1, "left": 0.8, "stop": stop, "accuracy": 0, "test": test}
            for seed, stop, test in ((0, 100, 0.99), (1, 300, 0.97))]
    ((left, stops, errors),) = program("lottery").summary(rows)["ticket"]
    assert left == 0.8 and stops == (100, 200, 300) and errors == pytest.approx((1, 2, 3))


def test_the_seeds_in_the_file_stay_and_other_settings_are_refused(program, tmp_path):
    path, settings = tmp_path / "lottery.json", {"rounds": 2, "steps": 30, "every": 10}
    lottery = program("lottery")
    assert lottery.earlier_rows(path, settings, [0]) == lottery.earlier_rows(None, settings, [0]) == []
    path.write_text(json.dumps(settings | {"rows": [{"seed": 0}, {"seed": 1}]}))
    assert lottery.earlier_rows(path, settings, range(1, 3)) == [{"seed": 0}]
    with pytest.raises(SystemExit, match="has rounds 2, steps 30, every 10: name another file"):
        lottery.earlier_rows(path, settings | {"steps": 40}, [0])
    assert len(lottery.earlier_rows(path, settings | {"steps": 40}, [])) == 2  # nothing is added, what is there is drawn


def test_the_table_has_means_with_the_lowest_and_the_highest_seed(program):
    rows = [{"seed": seed, "kind": kind, "round": 1, "left": 0.8, "stop": stop, "accuracy": 0, "test": test}
            for seed, kind, stop, test in ((0, "ticket", 1000, 0.99), (1, "ticket", 1400, 0.97), (0, "control", 1500, 0.9))]
    assert program("lottery").table(rows).splitlines()[-1] == (
        "| 80.0 % | 1,200 (1,000 … 1,400) | 2.00 (1.00 … 3.00) | 1,500 | 10.00 |")
