import json

import pytest


@pytest.mark.parametrize("network, methods, kept", [
    ("lenet-300-100", ["snip", "magnitude", "l-obs", "variational"],
     {"snip": [76.0, 78.4], "magnitude": [73.4], "l-obs": [78.8]}),
    ("lenet-5", ["reference", "random", "obd"], {"reference": [0.0], "random": [78.4, 79.2], "obd": [73.6]}),
])
def test_the_quick_run_reaches_the_tables_sparsities(network, methods, kept, program, tmp_path, capsys):
    program("snip", "--quick", "--epochs", 2, "--network", network, "--method", *methods, "--out", tmp_path)
    rows = json.loads((tmp_path / f"snip-{network}.json").read_text())["rows"]
    assert {row["method"] for row in rows} == set(methods)
    for method, expected in kept.items():
        assert [row["sparsity"] for row in rows if row["method"] == method] == pytest.approx(expected, abs=0.3)
    assert capsys.readouterr().out.count(f"| {program('snip').NAMES[network]} |") == len(rows)


def test_every_method_of_the_table_is_there(program):
    snip = program("snip")
    assert {method for rows in snip.TABLE.values() for method, *_ in rows} == set(snip.METHODS)


def test_the_table_has_the_papers_figures_beside_ours_and_their_difference(program):
    row = {"network": "lenet-5", "sparsity": 98.0, "paper_sparsity": 98, "error": 1.05, "errors": 105}
    rows = [row | {"method": "snip", "paper_error": 0.8}, row | {"method": "random", "paper_error": None}]
    assert program("snip").table(rows).splitlines()[2:] == [
        "| LeNet-5 | snip | 98 % | 0.8 % | 98.0 % | 1.05 % | +0.25 |",
        "| LeNet-5 | random | 98 % | – | 98.0 % | 1.05 % | – |"]


def test_the_page_is_drawn_from_the_recorded_results(program, tmp_path, monkeypatch):
    snip = program("snip")
    monkeypatch.setattr(snip, "HERE", tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "snip.md").write_text("Errors: <!-- errors --><!-- /errors -->. <!-- recipe --><!-- /recipe -->")
    row = {"network": "lenet-5", "method": "snip", "sparsity": 98, "paper_sparsity": 98, "error": 1.05, "paper_error": 0.8}
    record = {"seed": 3, "epochs": 6, "again": 1, "rows": [row]}
    (tmp_path / "results" / "snip-lenet-5.json").write_text(json.dumps(record))
    program("snip", "--draw")
    text = (tmp_path / "snip.md").read_text()
    assert text.count("| LeNet-5 | snip |") == 1 and "* LeNet-5: seed 3, 6 epochs" in text and "LeNet-300-100" not in text
