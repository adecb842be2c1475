import contextlib
import io

import numpy as np
import pytest

import nnlite
from nnlite import load, models
from nnlite.cli import main
from nntransfer.fusion import permute_channels

EXAMPLE = np.zeros((1, 1, 8, 8), np.float32)


@pytest.fixture(scope="module")
def tuned(trained, tmp_path_factory):
    """Two files that were trained on from `trained`, at different rates and in different order."""
    directory = tmp_path_factory.mktemp("tuned")
    files = [directory / "a.npz", directory / "b.npz"]
    with contextlib.redirect_stdout(io.StringIO()):
        for seed, path in enumerate(files, 1):
            options = ["--sparsity", "0", "--epochs", "1", "--lr", str(0.01 * seed), "--seed", str(seed)]
            assert main(["prune", str(trained), *options, "--out", str(path)]) == 0
    return files


def states(*files):
    return [load(path).state_dict() for path in files]


def test_the_average_has_the_mean_of_all_weights_and_stands_beside_its_parents(tuned, result_of):
    result = result_of("fuse", *tuned, "--method", "average", "--out", "f.npz")
    a, b, fused = states(*tuned, "f.npz")
    for name, array in fused.items():
        np.testing.assert_allclose(array, (a[name].astype(float) + b[name]) / 2, rtol=1e-6, atol=1e-9)
    parents = {str(path): result_of("evaluate", path)["accuracy"] for path in tuned}
    assert {name: result["accuracies"][name] for name in parents} == parents
    assert result["accuracies"]["their ensemble"] > 0.9 and result["accuracy"] > 0.9 and result["method"] == "average"


def test_rebasin_undoes_a_shuffle_which_the_average_does_not_survive(trained, result_of):
    model, rng = load(trained).eval(), np.random.default_rng(0)
    sizes = {"conv1": 8, "conv2": 16, "fc1": 64}
    nnlite.save("shuffled.npz", permute_channels(model, EXAMPLE, {name: rng.permutation(n) for name, n in sizes.items()}))
    accuracy = result_of("evaluate", trained)["accuracy"]
    assert result_of("fuse", trained, "shuffled.npz", "--method", "rebasin", "--out", "r.npz")["accuracy"] == accuracy
    assert result_of("fuse", trained, "shuffled.npz", "--method", "average", "--out", "a.npz")["accuracy"] < accuracy - 0.1


def test_a_greedy_soup_leaves_out_a_model_that_knows_nothing(tuned, result_of, run):
    nnlite.save("new.npz", models.cnn(1, 8, width=0.5, seed=9))
    result = result_of("fuse", *tuned, "new.npz", "--method", "greedy", "--out", "g.npz")
    assert "new.npz" not in result["averaged"] and set(result["averaged"]) <= set(map(str, tuned))
    told = run("fuse", *tuned, "new.npz", "--method", "greedy", "--out", "g.npz").out.splitlines()
    assert f"the mean of {', '.join(result['averaged'])}" in told


def test_task_adds_what_the_fine_tunings_have_changed(trained, tuned, result_of):
    result_of("fuse", *tuned, "--method", "task", "--pretrained", trained, "--scale", 0.5, "--out", "t.npz")
    start, a, b, fused = states(trained, *tuned, "t.npz")
    for name, array in fused.items():
        np.testing.assert_allclose(array, (a[name].astype(float) + b[name]) / 2, rtol=1e-4, atol=1e-6)  # s + ½(a−s) + ½(b−s)


def test_a_student_of_the_ensemble_and_a_picture(tuned, result_of, tmp_path):
    result = result_of("fuse", *tuned, "--method", "ensemble", "--epochs", 1, "--out", "e.npz", "--picture", "p.svg")
    assert result["accuracy"] > 0.9 and len(nnlite.checkpoint.load_state("e.npz").history) == 1
    assert "their ensemble" in (tmp_path / "p.svg").read_text()


def test_what_is_pruned_in_all_files_stays_pruned(trained, run, result_of):
    assert run("prune", trained, "--sparsity", 0.5, "--epochs", 0, "--out", "p.npz").code == 0
    for method in ("average", "ensemble"):
        epochs = ["--epochs", 1] if method == "ensemble" else []
        result = result_of("fuse", "p.npz", "p.npz", "--method", method, *epochs, "--out", "f.npz")
        assert result["nonzero"] == result_of("evaluate", "p.npz")["nonzero"]


def test_options_and_files_that_do_not_go_together(trained, error_of):
    assert error_of("fuse", trained) == f"fuse makes one model out of several; got {trained} alone"
    assert error_of("fuse", trained, trained, "--method", "task").startswith("--pretrained names the model that the files were")
    assert error_of("fuse", trained, trained, "--epochs", 3) == (
        "--epochs is for --method ensemble; --method average trains nothing")
    assert error_of("fuse", trained, trained, "--lr", 0.1) == "--lr is for --method ensemble; --method average trains nothing"
    assert error_of("fuse", trained, trained, "--scale", 0.5) == "--scale is for --method task; --method average takes means"
    nnlite.save("small.npz", models.cnn(1, 8, width=0.25))
    assert error_of("fuse", trained, "small.npz").startswith(
        "average_weights: models 0 and 1 are not alike: conv1: Conv2d(1, 8, ")
