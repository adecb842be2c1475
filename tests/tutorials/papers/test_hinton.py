import json

import numpy as np
import pytest


def test_the_quick_run_has_every_part_and_goes_on_where_it_was(program, tmp_path, capsys):
    words = ["--quick", "--work", tmp_path / "work", "--out", tmp_path / "hinton.json"]
    program("hinton", *words)
    found = json.loads((tmp_path / "hinton.json").read_text())
    assert found["n"] == 360 and 0 < found["teacher"] < 60 and len(found["plain"]) == len(found["distilled"]) == 1
    (row,) = found["no_three"]
    assert row["as_trained"]["errors"] >= row["as_trained"]["of_the_missing"] > row["raised"]["of_the_missing"]
    assert row["raised"]["by"] > 0
    assert [each["temperature"] for each in found["temperatures"]] == [None, 1, 2.5, 4, 8, 20]
    printed = capsys.readouterr().out
    assert "| student, distilled |" in printed and "| as trained |" in printed and "| labels alone |" in printed
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*.json")}
    program("hinton", *words)
    assert capsys.readouterr().out == printed
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*.json")} == written


def test_a_raised_bias_moves_the_logit_of_its_class_alone(program):
    wrong = program("hinton").wrong
    z, labels = np.array([[1.0, 0.0, 0.5], [0.0, 3.0, 1.0], [2.0, 0.0, 1.5]]), np.array([2, 1, 0])
    assert wrong(z, labels, 2, 0.0).tolist() == [True, False, False]
    assert wrong(z, labels, 2, 0.75).tolist() == [False, False, True]


def test_every_table_has_its_place_on_the_page(program):
    hinton, row = program("hinton"), {"by": 1.0, "errors": 5, "of_the_missing": 2}
    found = {"n": 10, "teacher": 1, "plain": [2], "distilled": [1], "temperatures": [],
             "no_three": [{"as_trained": row, "raised": row, "n_missing": 3}]}
    page = (hinton.HERE / "hinton.md").read_text(encoding="utf-8")
    for name in hinton.tables(found):
        assert page.count(f"<!-- {name} -->") == page.count(f"<!-- /{name} -->") == 1


def test_the_rates_to_choose_from_are_smaller_for_high_temperatures(program):
    rates = program("hinton").rates
    assert max(rates(20)) < max(rates(4)) == pytest.approx(0.1) and rates(None) == rates(1)
