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
