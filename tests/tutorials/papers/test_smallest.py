import json
from pathlib import Path

import numpy as np
import pytest

import nncompress
from nnlite import data, train

PAPERS = Path(__file__).parents[3] / "tutorials" / "papers"
RUNS = json.loads((PAPERS / "results" / "smallest.json").read_text())["runs"]
SHIPPED = [run for run in RUNS if run["shipped"]]
MOST = {"lenet-300-100-plain": (8560, 175), "lenet-300-100": (3000, 150), "lenet-300-100-tiny": (2000, 200),  # bytes, errors
        "lenet-5-plain": (20_000, 80), "lenet-5": (3500, 75), "lenet-5-tiny": (1500, 100)}


@pytest.mark.parametrize("run", SHIPPED, ids=lambda run: run["name"])
def test_a_shipped_file_is_as_small_and_as_good_as_it_has_to_be(run):
    size, errors = MOST[run["name"]]
    assert run["bytes"] == (PAPERS / "artifacts" / f"{run['name']}.nnz").stat().st_size <= size
    assert run["test_errors"] <= errors


@pytest.mark.parametrize("name", {run["name"] for run in RUNS})
def test_of_three_seeds_the_one_of_the_fewest_validation_errors_was_shipped(name):
    runs = [run for run in RUNS if run["name"] == name]
    assert sorted(run["seed"] for run in runs) == [0, 1, 2]
    (shipped,) = (run for run in runs if run["shipped"])
    assert shipped["validation_errors"] == min(run["validation_errors"] for run in runs)


def test_with_mnists_settings_a_file_for_fashion_mnist_is_40_times_smaller_and_loses_at_most_one_point():
    record = json.loads((PAPERS / "results" / "smallest-fashion-mnist.json").read_text())
    dense = {row["seed"]: row for row in record["dense"]}
    runs = [run for run in record["runs"] if run["settings"].get("ratio") == 40]
    (shipped,) = (run for run in runs if run["shipped"])
    assert shipped["bytes"] == (PAPERS / "artifacts" / "fashion-mnist-lenet-5-plain-40x.nnz").stat().st_size
    for run in runs:
        assert {name: value for name, value in run["settings"].items() if name not in ("data", "ratio")} == (
            next(each for each in RUNS if each["name"] == "lenet-5-plain")["settings"])
        assert 40 * run["bytes"] <= dense[run["seed"]]["bytes"] == 4 * 431_080
        assert run["test_errors"] - dense[run["seed"]]["test_errors"] <= 100


@pytest.mark.data
@pytest.mark.parametrize("run", SHIPPED, ids=lambda run: run["name"])
def test_the_file_makes_the_recorded_errors_in_integers(run, mnist_dir):
    plan = nncompress.load(PAPERS / "artifacts" / f"{run['name']}.nnz")
    test = data.load("mnist", mnist_dir)[1]
    assert train.evaluate(plan, data.DataLoader(test, 500, transform=data.ToFloat()))["errors"] == run["test_errors"]


def test_the_dropout_of_a_run_fades(program):
    smallest = program("smallest")
    layer = smallest.FadingDropout(0.5, steps=4, rng=np.random.default_rng(0))
    kept = [float((layer.train()(np.ones(4000, np.float32)).data != 0).mean()) for _ in range(6)]
    np.testing.assert_allclose(kept, [1 - 0.5 * (1 - k / 4) for k in (1, 2, 3)] + [1, 1, 1], atol=0.03)
    assert (layer.eval()(np.ones(5, np.float32)).data == 1).all()


def test_the_network_of_a_run_is_the_papers_with_dropout_between(program):
    smallest = program("smallest")
    model = smallest.build(smallest.RUNS["lenet-300-100-plain"], seed=0)
    names = [name for name, _ in model.named_children()]
    assert names == ["dropout_input", "flatten", "fc1", "relu1", "dropout_relu1", "fc2", "relu2", "dropout_relu2", "fc3"]
    assert sum(p.size for p in model.parameters()) == 266_610


def squares(count, seed):
    """Images of ten classes: a bright square at a class's own place."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count)
    images = rng.integers(0, 60, (count, 1, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 4)
        image[0, 7 * row: 7 * row + 7, 7 * column: 7 * column + 7] = 255
    return data.Dataset(images, labels, 10)


def test_on_fashion_mnist_the_files_and_the_dense_networks_are_recorded(program, tmp_path, monkeypatch, capsys):
    smallest = program("smallest")
    monkeypatch.setattr(smallest, "images", lambda of="mnist": (squares(1280, 0), squares(100, 1)))
    monkeypatch.setattr(smallest.data, "load", lambda of: (None, squares(50, 2)))
    for name in ("ARTIFACTS", "RESULTS"):
        monkeypatch.setattr(smallest, name, tmp_path / name.lower())
    run = ["lenet-300-100-plain", "--data", "fashion-mnist", "--work", tmp_path]
    with pytest.raises(SystemExit, match="has 0 runs of fashion-mnist-lenet-300-100-plain-40x, 3 are to be"):
        program("smallest", "ship", *run, "--ratio", 40)
    short = ["--change", json.dumps({"settings": {"epochs": 2, "every": 4}})]
    program("smallest", "dense", *run, *short)
    for budget in ([], ["--ratio", 40]):
        program("smallest", "train", *run, *short, *budget)
        program("smallest", "ship", *run, *budget, "--seeds", 1)
    record = json.loads((tmp_path / "results" / "smallest-fashion-mnist.json").read_text())
    ((by_weights, file), (dense,)) = record["runs"], record["dense"]
    assert by_weights["stages"][-1]["nonzero"] <= 10_500 and "ratio" not in by_weights["settings"]
    assert file["bytes"] == (tmp_path / "artifacts" / "fashion-mnist-lenet-300-100-plain-40x.nnz").stat().st_size <= 26_661
    assert dense["bytes"] == 1_066_440 and dense["test_errors"] <= 2 and file["data"] == dense["data"] == "fashion-mnist"
    assert file["command"].endswith("--seed 0 --work WORK --data fashion-mnist --ratio 40")
    assert "plain-dense seed 0: " in capsys.readouterr().out


def test_a_run_with_a_teacher_trains_on_mnist_only(program, tmp_path):
    with pytest.raises(SystemExit, match="lenet-5 learns from teachers, and these know MNIST only"):
        program("smallest", "train", "lenet-5", "--data", "fashion-mnist", "--work", tmp_path)
