import json

import pytest


@pytest.mark.parametrize("network, methods, kept", [
    ("lenet-300-100", ["snip", "magnitude", "l-obs", "variational"],
     {"snip": [76.0, 78.4], "magnitude": [73.4], "l-obs": [78.8]}),
    ("lenet-5", ["reference", "random", "obd"], {"reference": [0.0], "random": [78.4, 79.2], "obd": [73.6]}),
])
def test_the_quick_run_reaches_the_tables_sparsities(network, methods, kept, program, tmp_path, capsys):
    path = tmp_path / "snip.json"
    program("snip", "--quick", "--epochs", 2, "--network", network, "--method", *methods, "--out", path)
    rows = json.loads(path.read_text())["rows"]
    assert {row["method"] for row in rows} == set(methods)
    for method, expected in kept.items():
        assert [row["sparsity"] for row in rows if row["method"] == method] == pytest.approx(expected, abs=0.3)
    assert capsys.readouterr().out.count(f"| {network} |") == len(rows)


def test_every_method_of_the_table_is_there(program):
    snip = program("snip")
    assert {method for rows in snip.TABLE.values() for method, *_ in rows} == set(snip.METHODS)
