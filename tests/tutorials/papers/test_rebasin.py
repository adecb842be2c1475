import json

import pytest


def test_the_quick_run_removes_most_of_the_barrier(program, tmp_path, capsys):
    out = tmp_path / "rebasin.json"
    program("rebasin", "--quick", "--pairs", 1, "--out", out)
    row, = json.loads(out.read_text())["rows"]
    assert len(row["test"]["naive"]["losses"]) == 11 and row["test"]["naive"]["barrier"] > 0.3
    assert row["training"]["gone"] > 0.9
    assert min(row["test"]["matched"]["accuracies"]) > 0.9
    assert row["test"]["naive"]["losses"][0] == row["test"]["matched"]["losses"][0]
    assert row["test"]["naive"]["losses"][-1] == pytest.approx(row["test"]["matched"]["losses"][-1], abs=1e-5)  # the same net
    assert "| 0.1, nnlite | 0 |" in capsys.readouterr().out
    assert out.with_suffix(".svg").exists()

    program("rebasin", "--quick", "--pairs", 0, "--out", out)     # the table of what is there
    assert "| 0.1, nnlite | 0 |" in capsys.readouterr().out
    assert json.loads(out.read_text())["rows"] == [row]
