from pathlib import Path

import numpy as np
import pytest

import nnlite
from nnlite import data, models
from nntransfer.domains import logme_score

FEW = ["--classes", "5,6,7,8,9", "--labels-per-class", 10, "--epochs", 3]


@pytest.fixture
def untrained(tmp_path):
    """A network of the same shape that has learned nothing."""
    nnlite.save(tmp_path / "random.npz", models.cnn(in_channels=1, image_size=8, width=0.5, seed=3))
    return "random.npz"


@pytest.mark.parametrize("by", ["logme", "leep", "h-score"])
def test_the_source_of_the_highest_score_is_fine_tuned(trained, untrained, result_of, by):
    many = [*FEW[:2], "--labels-per-class", 60, "--epochs", 1]
    result = result_of("transfer", untrained, trained, *many, "--by", by, "--strategy", "head", "--out", "f.npz")
    assert result["chosen"] == str(trained) and result["by"] == by
    assert [row["file"] for row in result["sources"]] == ["random.npz", str(trained)]
    assert result["sources"][1][by] > result["sources"][0][by]
    before, after = nnlite.load(trained), nnlite.load("f.npz")
    np.testing.assert_array_equal(before.conv1.weight.data, after.conv1.weight.data)  # it is that model, with another head


def test_the_score_is_that_of_the_heads_inputs(trained, result_of):
    result = result_of("transfer", trained, *FEW)
    training = data.load("digits")[0].of_classes([5, 6, 7, 8, 9]).few(10, np.random.default_rng(0))
    features = nnlite.load(trained).eval()[:-1](data.prepare(training, "digits")).data
    assert result["sources"][0]["logme"] == pytest.approx(logme_score(features, training.labels), abs=1e-5)


def test_it_is_the_same_model_that_finetune_makes(trained, run, untrained):
    assert run("transfer", untrained, trained, *FEW, "--target", "digits", "--out", "a.npz").code == 0
    assert run("finetune", trained, *FEW, "--out", "b.npz").code == 0
    a, b = nnlite.load("a.npz").state_dict(), nnlite.load("b.npz").state_dict()
    assert all(a[name].tobytes() == b[name].tobytes() for name in b)


def test_the_table_begins_with_the_chosen_source_and_a_picture_shows_all(trained, untrained, run):
    code, out, _ = run("transfer", untrained, trained, *FEW, "--picture", "s.svg")
    lines = out.splitlines()
    assert code == 0 and lines[0].split() == ["source", "LogME", "LEEP", "H-score"]
    assert lines[1].startswith(str(trained)) and lines[1].endswith("<- chosen") and lines[2].startswith("random.npz")
    assert lines[3] == "50 images in 64 features: the H-score says nothing here"
    assert all(f"<!-- {name} -->" in Path("s.svg").read_text() for name in ("random.npz", "model.npz"))


def test_a_source_of_other_images_is_refused_before_anything_is_written(trained, error_of, small_mnist):
    message = error_of("transfer", trained, "--target", "mnist", "--data-dir", small_mnist)
    assert message.startswith(f"{trained} takes images of shape (1, 8, 8), the data has (1, 28, 28)")
