from pathlib import Path

import numpy as np
import pytest

from nnlite import checkpoint, load, train

ALL = ["conv1", "conv2", "fc1", "fc2"]


def moved(before, after):
    """The layers whose weights differ."""
    before, after = load(before).state_dict(), load(after).state_dict()
    return [layer for layer in ALL if before[f"{layer}.weight"].tobytes() != after[f"{layer}.weight"].tobytes()]


@pytest.mark.parametrize("strategy, epochs, expected", [
    ("head", 3, ["fc2"]), ("features", 2, ["fc2"]), ("all", 1, ALL), ("gradual", 1, ["fc2"]), ("gradual", 2, ["fc1", "fc2"]),
    ("gradual", 4, ALL), ("lora", 1, ALL), ("lp-ft", 2, ALL), ("l2sp", 1, ALL), ("rates", 1, ALL)])
def test_frozen_layers_stay_bit_for_bit_and_the_others_move(trained, run, strategy, epochs, expected):
    assert run("finetune", trained, "--strategy", strategy, "--epochs", epochs, "--out", "f.npz").code == 0
    assert moved(trained, "f.npz") == expected
    assert len(checkpoint.load_state("f.npz").history) == epochs


def test_a_frozen_body_keeps_its_biases_and_statistics_too(run):
    assert run("train", "--model", "resnet", "--width", 0.25, "--epochs", 1, "--out", "r.npz").code == 0
    assert run("finetune", "r.npz", "--strategy", "head", "--epochs", 2, "--out", "f.npz").code == 0
    before, after = load("r.npz").state_dict(), load("f.npz").state_dict()
    differing = [name for name in before if before[name].tobytes() != after[name].tobytes()]
    assert differing == ["fc.weight", "fc.bias"]


def test_the_file_tells_the_new_classes_apart(trained, result_of):
    result = result_of("finetune", trained, "--classes", "5,6,7,8,9", "--epochs", 3, "--out", "f.npz")
    assert load("f.npz").fc2.out_features == 5
    assert result["n"] == 179 and result["accuracy"] > 0.8
    told = {"shape": [1, 8, 8], "dtype": "uint8", "mean": [0.3055], "std": [0.376], "names": ["5", "6", "7", "8", "9"]}
    made = {"command": "finetune", "sources": [str(trained)], "options": {"strategy": "gradual", "epochs": 3, "seed": 0},
            "data": "digits", "classes": [5, 6, 7, 8, 9], "accuracies": {}, "scores": {}}
    assert checkpoint.load_state("f.npz").metadata == {"data": "digits", "input": told, "made": made}
    assert result_of("evaluate", "f.npz", "--classes", "5,6,7,8,9")["errors"] == result["errors"]


def test_so_many_labels_of_each_class_are_used_and_no_more(trained, run, monkeypatch):
    seen, fit = [], train.fit

    def watched_fit(model, loader, *arguments, **options):
        seen.append(loader.dataset.labels)
        return fit(model, loader, *arguments, **options)

    monkeypatch.setattr(train, "fit", watched_fit)
    options = ["--classes", "1,3,5", "--labels-per-class", 7, "--epochs", 2]
    assert run("finetune", trained, *options, "--out", "f.npz").code == 0
    assert [np.bincount(labels).tolist() for labels in seen] == [[7, 7, 7]] * 2


def test_a_decay_makes_lower_layers_slower(trained, run):
    distances = []
    for decay in (1, 0.1):
        options = ["--strategy", "all", "--epochs", 1, "--decay", decay, "--out", "f.npz"]
        assert run("finetune", trained, *options).code == 0
        before, after = load(trained).conv1.weight.data, load("f.npz").conv1.weight.data
        distances.append(np.linalg.norm(after - before))
    assert 0 < distances[1] < distances[0] / 30  # conv1 is three layers below the head: 0.1³ of its rate


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_from_ten_labels_of_each_new_class_the_defaults_learn_most_of_them(result_of, seed):
    few = ["--classes", "5,6,7,8,9", "--labels-per-class", 10, "--seed", seed]
    result_of("train", "--classes", "0,1,2,3,4", "--width", 0.5, "--epochs", 8, "--lr", 0.05, "--out", "low.npz")
    assert result_of("finetune", "low.npz", *few, "--out", "f.npz")["accuracy"] > 0.8
    assert result_of("train", *few, "--width", 0.5, "--out", "alone.npz")["accuracy"] > 0.8  # the baseline: as many steps
    assert len(checkpoint.load_state("f.npz").history) == len(checkpoint.load_state("alone.npz").history) == 200


def test_baselines_stand_beside_the_strategy_and_on_its_picture(trained, result_of, run):
    options = ["--classes", "5,6,7", "--labels-per-class", 5, "--epochs", 3]
    result = result_of("finetune", trained, *options, "--strategy", "all", "--baselines", "--picture", "f.svg")
    assert list(result["baselines"]) == ["scratch", "head only"] and result["strategy"] == "all"
    assert all(f"<!-- {name} -->" in Path("f.svg").read_text() for name in ("all", "scratch", "head only"))
    head = result_of("finetune", trained, *options, "--strategy", "head", "--picture", "h.png")
    assert head["accuracy"] == result["baselines"]["head only"] and Path("h.png").read_bytes().startswith(b"\x89PNG")
    lines = run("finetune", trained, *options, "--strategy", "all", "--baselines").out.splitlines()
    assert lines[-1] == f"for comparison, head only: {head['accuracy']:.2%}"


# ---- bad input


def test_a_decay_of_layers_that_do_not_train_is_refused(trained, error_of):
    message = error_of("finetune", trained, "--strategy", "head", "--decay", 0.5)
    assert message.startswith("--decay is about the layers below the new one, whose rates --strategy head sets itself or which")


def test_a_rank_without_adapters_a_picture_of_nothing_and_adapters_of_a_pruned_model_are_refused(trained, error_of, run):
    assert error_of("finetune", trained, "--rank", 2) == "--rank is about the adapters of --strategy lora, not about gradual"
    assert "the picture p.txt has to end in .png or .svg" in error_of("finetune", trained, "--picture", "p.txt")
    assert run("prune", trained, "--sparsity", 0.5, "--epochs", 0, "--out", "p.npz").code == 0
    message = error_of("finetune", "p.npz", "--strategy", "lora")
    assert message == "p.npz is pruned, and --strategy lora changes every weight; give --dense, or another strategy"


def test_more_labels_than_there_are_are_refused(trained, error_of):
    assert error_of("finetune", trained, "--labels-per-class", 100000) == "few: 100000 samples per class asked, class 0 has 142"


def test_a_decay_of_0_is_refused(trained, error_of):
    assert error_of("finetune", trained, "--decay", 0).endswith("decay has to be above 0 and at most 1, got 0.0")


def test_images_of_another_shape_are_refused_with_the_files_name(trained, error_of, small_mnist):
    message = error_of("finetune", trained, "--data", "mnist", "--data-dir", small_mnist)
    assert message.startswith(f"{trained} takes images of shape (1, 8, 8), the data has (1, 28, 28)")


def test_integers_cannot_be_fine_tuned(trained, error_of):
    assert "holds integers, which can be trained or quantized no further" in error_of("finetune", trained.with_suffix(".nnz"))
