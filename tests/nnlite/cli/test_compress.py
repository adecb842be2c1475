from pathlib import Path

import pytest

import nncompress
import nncompress.search.run as run_of_a_search
from nnlite import train
from nnlite.cli import compress


def nonzero_weights(path):
    return sum(int((step.w != 0).sum()) for step in nncompress.load(path).steps if step.w is not None)


def test_the_file_is_sparse_of_few_bits_and_much_smaller(trained, result_of, tmp_path):
    result = result_of("compress", trained, "--sparsity", 0.8, "--bits", 4, "--epochs", 2, "--out", "c.nnz")
    inspected = result_of("inspect", "c.nnz")
    size = (tmp_path / "c.nnz").stat().st_size
    assert result["file_bytes"] == inspected["file_bytes"] == size
    assert result["times_smaller"] == round(4 * 6058 / size, 2) > 8
    for layer, n in zip(inspected["layers"], (72, 1152, 4096, 640), strict=True):
        assert layer["bits"] == 4 and layer["nonzero"] <= n - round(0.8 * n)
    assert result["errors"] == result_of("evaluate", "c.nnz")["errors"] < 100


def test_a_pruned_file_is_compressed_with_all_its_zeros(trained, run, result_of):
    assert run("prune", trained, "--sparsity", 0.9, "--epochs", 1, "--out", "p.npz").code == 0
    result_of("compress", "p.npz", "--sparsity", 0.5, "--epochs", 2, "--out", "c.nnz")
    assert nonzero_weights("c.nnz") <= sum(n - round(0.9 * n) for n in (72, 1152, 4096, 640))


def test_it_says_how_much_smaller(trained, run, tmp_path):
    code, out, err = run("compress", trained, "--epochs", 1, "--out", "c.nnz")
    size = (tmp_path / "c.nnz").stat().st_size
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == (
        f"{trained} has {trained.stat().st_size:,} bytes; the parameters in float32 would take 24,232, "
        f"{24232 / size:.1f} times as many as the new file")


def test_a_sparsity_of_1_leaves_no_weight(trained, result_of):
    result_of("compress", trained, "--sparsity", 1, "--epochs", 1, "--out", "c.nnz")
    assert nonzero_weights("c.nnz") == 0


def test_integers_cannot_be_compressed_again(trained, error_of):
    assert "holds integers, which can be trained or quantized no further" in error_of("compress", trained.with_suffix(".nnz"))


def test_a_search_meets_its_budget_and_reports_its_stages(trained, result_of):
    result = result_of("compress", trained, "--target-bytes", 1500, "--epochs", 12, "--out", "c.nnz")
    assert result["file_bytes"] <= 1500 and result["times_smaller"] == round(24232 / result["file_bytes"], 2)
    stages = result["report"]["stages"]
    assert [stage["name"] for stage in stages] == ["start", "structures", "weights", "grid", "file"]
    assert stages[-1]["bytes"] == result["file_bytes"] and "the budget is 1,500 bytes" in result["report"]["stopped"]
    assert result["errors"] == result_of("evaluate", "c.nnz")["errors"] < 100
    assert {path.name for path in Path().iterdir()} == {"c.nnz"}


def test_a_search_for_a_drop_goes_on_where_it_was_and_removes_what_it_has_kept(trained, run, monkeypatch):
    command, epochs = ("compress", trained, "--max-drop", 0.9, "--epochs", 1, "--out", "c.nnz"), []
    fit, from_bytes = train.fit, run_of_a_search.from_bytes
    monkeypatch.setattr(train, "fit", lambda *arguments, **options: epochs.append(1) or fit(*arguments, **options))

    def stopped(data):
        if len(epochs) == 2:
            raise KeyboardInterrupt
        return from_bytes(data)

    monkeypatch.setattr(run_of_a_search, "from_bytes", stopped)
    assert run(*command).code == 2
    assert len([path for path in Path().iterdir() if path.name.startswith("c.run-")]) == 2
    monkeypatch.setattr(run_of_a_search, "from_bytes", from_bytes)
    assert run(*command, "--resume").code == 0 and len(epochs) == 5
    assert {path.name for path in Path().iterdir()} == {"c.nnz"}


def test_a_search_learns_from_teachers_whose_logits_are_kept(trained, run, tmp_path):
    code, out, err = run("compress", trained, "--target-ratio", 12, "--teacher", trained, "--epochs", 3, "--out", "c.nnz")
    assert (code, err) == (0, "")
    assert "budget: 12 times smaller" in out and 12 * (tmp_path / "c.nnz").stat().st_size <= 24232
    assert (tmp_path / "c.logits.npz").exists()


@pytest.mark.parametrize("options, sentence", [
    (("--target-bytes", 1000, "--sparsity", 0.5), "--sparsity: with a target, the search chooses it"),
    (("--max-drop", 0.01, "--bits", 4), "--bits: with a target, the search chooses it"),
    (("--teacher", "t.npz"), "--teacher: only a search has it: give --target-bytes, --target-ratio or --max-drop"),
    (("--target-bytes", 1000, "--epochs", 0), "--epochs 0: a search trains the network, so it needs at least one epoch"),
])
def test_options_that_do_not_go_together_are_refused_by_name(trained, error_of, options, sentence):
    assert sentence in error_of("compress", trained, *options, "--out", "c.nnz")


def test_a_search_knows_its_own_files_from_others_of_similar_names(tmp_path):
    for name in ("a.run.npz", "a.run-500.npz", "a.run-2best.npz", "a.run-1-2.npz", "b.run-3.npz"):
        (tmp_path / name).touch()
    assert {path.name for path in compress._states(tmp_path / "a.run.npz")} == {"a.run.npz", "a.run-500.npz"}
