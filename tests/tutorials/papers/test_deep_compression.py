import json
from pathlib import Path

import numpy as np
import pytest

PAPERS = Path(__file__).parents[3] / "tutorials" / "papers"


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """What `--quick` records."""
    import importlib
    import sys

    folder, before = tmp_path_factory.mktemp("quick"), (sys.path[:], sys.argv)
    sys.path[:0] = [str(PAPERS), str(PAPERS.parent)]
    sys.argv = ["deep_compression.py", "--quick", "--out", str(folder)]
    try:
        importlib.import_module("deep_compression").main()
    finally:
        sys.path[:], sys.argv = before
    return json.loads((folder / "results" / "deep_compression-quick.json").read_text())


def test_each_layer_keeps_the_papers_part_of_its_weights(quick):
    assert {row["layer"]: row["weights"] for row in quick["layers"]} == {"fc1": 64 * 90, "fc2": 90 * 30, "fc3": 30 * 10}
    for row, keep in zip(quick["layers"], (0.08, 0.09, 0.26), strict=True):
        assert abs(row["kept"] - keep * row["weights"]) <= 3  # rounded once in each of three rounds


def test_bytes_are_those_of_the_streams(quick):
    for row in quick["layers"]:
        assert row["streams"]["codes"] == -(-6 * row["entries"] // 8) and row["streams"]["gaps"] == -(-5 * row["entries"] // 8)
        assert row["streams"]["values"] % 4 == 0 and row["streams"]["values"] <= 4 * 63
        assert row["quantized"] == sum(row["streams"][name] for name in ("values", "codes", "gaps"))
        assert row["coded"] == sum(row["streams"].values()) - row["streams"]["codes"] - row["streams"]["gaps"]
        assert row["kept"] <= row["entries"]


def test_the_small_network_still_reads_digits(quick):
    assert quick["images"] == 360 and max(quick["errors"].values()) < 90 and quick["nnz"]["errors"] < 90
    assert [row["sparsity"] for row in quick["curve"]] == [0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99]
    assert quick["curve"][-1]["pruned"] > quick["curve"][-1]["in rounds"]


def test_streams_of_a_layer_by_hand(program):
    streams = program("deep_compression").streams
    codes = np.zeros((2, 40), np.uint8)
    codes[0, 3], codes[1, 39] = 1, 2  # 75 zeros lie in between: two fillers of 32 places, then a gap of 11
    written = streams(np.float32([-1.5, 0.25]), codes, 2)
    assert written["values"] == np.float32([-1.5, 0.25]).tobytes()
    assert written["codes"] == bytes([0b01_00_00_10])
    assert written["gaps"] == bytes([0b00011_111, 0b11_11111_0, 0b1011_0000])
    assert written["coded codes"] == bytes([0b10_0_0_11_00]) and len(written["coded gaps"]) == 1


def test_a_shorter_run_has_fewer_epochs_and_at_least_one(program):
    program = program("deep_compression")
    recipe = program.shorter(program.RECIPES["lenet-5"], 0.1)
    assert (recipe.epochs, recipe.again, recipe.codebook, recipe.curve) == (1, 1, 1, 0)
    assert program.shorter(program.RECIPES["lenet-5"], 1) == program.RECIPES["lenet-5"]


def test_a_cell_of_the_table_is_the_papers_and_ours_and_the_difference(program, quick):
    page = program("deep_compression_page")
    row = {"layer": "fc1", "weights": 1000, "kept": 90, "entries": 100, "bits": 6, "index_bits": 5, "coded_bits": 4.0,
           "coded_index_bits": 3.0, "quantized": 200, "coded": 100, "streams": {"gaps": 63}}
    paper, ours, difference, *_ = page.table("lenet-300-100", {"layers": [row]}).splitlines()[2:]
    assert paper == "| fc1 | 1,000 | paper | 8 | 6 | 4.4 | 5 | 3.7 | 3.1 | 2.32 |"
    assert ours == "| | | ours | 9.0 | 6.0 | 4.00 | 5 | 3.00 | 5.00 | 2.50 |"
    assert difference == "| | | difference | +1.0 | +0.0 | -0.40 | +0 | -0.70 | +1.90 | +0.18 |"
    fc1 = page.bytes_table("lenet-300-100", {"layers": [row]}).splitlines()[2]
    assert fc1 == "| fc1 | 4,000 | 463 | 124 | 200 | +76 | 93 | 100 | +7 |"


def test_the_page_is_what_the_recorded_results_give(program):
    page = program("deep_compression_page")
    records = page.read(PAPERS)
    assert records and (PAPERS / "deep_compression.md").read_text(encoding="utf-8") == page.text(records)


def test_a_page_of_one_network_has_its_pictures(program, quick, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "deep_compression-lenet-300-100.json").write_text(json.dumps(quick))
    program("deep_compression", "--draw", "--out", tmp_path)
    text = (tmp_path / "deep_compression.md").read_text(encoding="utf-8")
    for part in text.split("](results/")[1:]:
        assert (tmp_path / "results" / part.split(")")[0]).stat().st_size > 1000
    assert "## LeNet-300-100" in text and "## LeNet-5" not in text
