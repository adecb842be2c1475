import json

import numpy as np


def test_the_quick_run_has_every_order_and_goes_on_where_it_was(program, tmp_path, capsys):
    words = ["--quick", "--work", tmp_path / "work", "--out", tmp_path / "byte_budget.json"]
    program("byte_budget", *words)
    found = json.loads((tmp_path / "byte_budget.json").read_text())
    rows = {(row["budget"], row["order"]): row for row in found["rows"]}
    orders = {"none", "before", "during", "after", "throughout"}
    assert set(rows) == {(budget, order) for budget in (500, 1000) for order in orders}
    for (budget, _), row in rows.items():
        assert budget / 2 < row["bytes"] <= budget and 0 < row["errors"] < 270
    by_labels = {row["dense_errors"] for row in rows.values() if row["order"] in ("none", "during", "after")}
    distilled = {row["dense_errors"] for row in rows.values() if row["order"] in ("before", "throughout")}
    assert len(by_labels) == len(distilled) == 1 and by_labels != distilled  # one dense network of each kind for all budgets
    assert (tmp_path / "byte_budget.svg").exists()
    printed = capsys.readouterr().out
    assert "| 1,000 bytes |" in printed and "| fewer than none |" in printed and "| digits | 360 |" in printed
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*.json")}
    assert len(written) == 10
    program("byte_budget", *words)
    assert capsys.readouterr().out == printed
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*.json")} == written


def test_gains_are_differences_to_the_same_seed_and_budget_without_a_teacher(program):
    paper = program("byte_budget")
    errors = {(1, "none"): (10, 20), (1, "during"): (7, 21), (2, "none"): (5, 5), (2, "during"): (1, 5)}
    rows = [{"data_set": "a", "seed": seed, "budget": budget, "order": order, "errors": n}
            for (budget, order), each in errors.items() for seed, n in enumerate(each)]
    assert paper.gains_of({"rows": rows}, "a", "during").tolist() == [3, -1, 4, 0]
    assert paper.spread(np.array([3, -1, 4, 0]), "+.0f") == "+2 (-1 … +4)" and paper.spread([7]) == "7"


def test_every_table_has_its_place_on_the_page(program):
    paper = program("byte_budget")
    page = (paper.HERE / "byte_budget.md").read_text(encoding="utf-8")
    for name in ("networks", "mnist", "fashion-mnist"):
        assert page.count(f"<!-- {name} -->") == page.count(f"<!-- /{name} -->") == 1
