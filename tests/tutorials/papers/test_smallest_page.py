import json

import pytest


def run(name, seed, size, nonzero, validation, test, shipped):
    return {"name": name, "seed": seed, "bytes": size, "validation_errors": validation, "test_errors": test, "shipped": shipped,
            "stages": [{"nonzero": 1}, {"nonzero": nonzero}]}


def test_a_run_counts_in_bytes_and_in_parameters_and_assumes_no_format(program):
    page = program("smallest_page")
    tiny = run("lenet-5-tiny", 0, 1000, 2000, 40, 95, True)
    assert page.ours(tiny, "bytes") == (4 * 431.08, 0.95)
    assert page.ours(tiny, "parameters") == (431_080 / 2000, 0.95)
    assert page.ours(tiny, "format") is None
    assert page.network_of("lenet-300-100-plain") == "lenet-300-100"


def test_a_paper_stands_in_the_column_of_what_it_counts(program):
    page = program("smallest_page")
    lines = {line.split(" | ")[0].removeprefix("| "): [cell.strip() for cell in line.split("|")]
             for line in page.published_table("lenet-300-100").splitlines()[2:]}
    assert lines["soft weight sharing"][2:5] == ["", "64 times less", ""]
    assert lines["variational dropout"][2:5] == ["68 times less", "", ""]
    assert lines["entropy-penalised"][2:5] == ["", "", "124 times less"]


@pytest.mark.parametrize("recorded", [False, True])
def test_the_page_has_every_run_that_is_recorded_and_a_command_for_every_file(recorded, program, tmp_path):
    if recorded:
        (tmp_path / "results").mkdir()
        (tmp_path / "artifacts").mkdir()
        runs = [run("lenet-300-100", 0, 2454, 4420, 79, 150, False), run("lenet-300-100", 1, 2500, 4400, 78, 141, True)]
        (tmp_path / "results" / "smallest.json").write_text(json.dumps({"runs": runs}))
        (tmp_path / "artifacts" / "lenet-300-100.nnz").write_bytes(b"")
    program("smallest_page", "--folder", tmp_path)
    text = (tmp_path / "smallest.md").read_text()
    assert (tmp_path / "results" / "smallest.svg").stat().st_size > 10_000
    assert text.count("| lenet-300-100 |") == (2 if recorded else 0) and text.count("shipped |") == (1 if recorded else 0)
    assert ("nnlite evaluate tutorials/papers/artifacts/lenet-300-100.nnz --data mnist --json" in text) == recorded


def test_on_fashion_mnist_each_file_stands_beside_the_same_training_without_compression(program, tmp_path):
    for folder in ("results", "artifacts"):
        (tmp_path / folder).mkdir()
    file = {"seed": 0, "bytes": 40_000, "validation_errors": 400, "test_errors": 850, "shipped": True,
            "settings": {"weights": 13}, "stages": [{"nonzero": 60_000}], "command": "c --seed 0 --work W"}
    other = file | {"seed": 1, "test_errors": 790, "settings": {"ratio": 40.0}, "command": "c --seed 1 --ratio 40"}
    dense = [{"seed": seed, "bytes": 1_724_320, "validation_errors": 380, "test_errors": 800,
              "command": f"dense --seed {seed}"} for seed in (0, 1)]
    (tmp_path / "results" / "smallest-fashion-mnist.json").write_text(json.dumps({"runs": [file, other], "dense": dense}))
    (tmp_path / "artifacts" / "fashion-mnist-lenet-5-plain.nnz").write_bytes(b"")
    program("smallest_page", "--folder", tmp_path)
    text = (tmp_path / "smallest.md").read_text()
    ends = "| 400 of 5,000 | 8.50 % | 380 of 5,000 | 8.00 % | +0.50 | shipped |"
    assert f"| 13 weights | 0 | 40,000 | 43 | 60,000 {ends}" in text
    assert f"| 1/40 | 1 | 40,000 | 43 | 60,000 {ends.replace('8.50', '7.90').replace('+0.50', '-0.10')}" in text
    assert "```sh\nc --seed SEED --work W\nc --seed SEED --ratio 40\ndense --seed SEED\n```" in text
    assert "fashion-mnist-lenet-5-plain.nnz --data fashion-mnist --json" in text
