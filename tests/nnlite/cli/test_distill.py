import numpy as np
import pytest

from nnlite import checkpoint, load


def test_the_student_is_a_small_model_of_its_own(trained, result_of):
    result = result_of("distill", trained, "--width", 0.25, "--epochs", 2, "--out", "s.npz")
    assert result["parameters"] == 1722 < result_of("evaluate", trained)["parameters"] / 3
    assert checkpoint.load_state("s.npz").optimizer is None


def test_with_alpha_0_the_teacher_is_not_heard(trained, run):
    same = ["--width", 0.25, "--epochs", 2, "--lr", 0.03, "--seed", 5]
    assert run("distill", trained, *same, "--alpha", 0, "--out", "s.npz").code == 0
    assert run("train", *same, "--out", "t.npz").code == 0
    student, by_itself = load("s.npz").state_dict(), load("t.npz").state_dict()
    for name, array in by_itself.items():
        np.testing.assert_array_equal(student[name], array)


@pytest.mark.parametrize("end", [".npz", ".nnz"])
def test_with_alpha_1_the_student_learns_from_the_teacher_alone(trained, result_of, end):
    common = ["--model", "mlp", "--width", 0.5, "--epochs", 6, "--lr", 0.05, "--alpha", 1]
    result = result_of("distill", trained.with_suffix(end), *common, "--out", "s.npz")
    assert result["accuracy"] > 0.85


def test_a_teacher_of_other_classes_or_images_is_named(trained, error_of, small_mnist):
    assert error_of("distill", trained, "--classes", "1,2,3") == (
        f"{trained} tells 10 classes apart, the data has 3 (--classes chooses some)")
    assert error_of("distill", trained, "--data", "mnist", "--data-dir", small_mnist) == (
        f"{trained} takes images of shape (1, 8, 8), the data has (1, 28, 28)")


def test_a_student_that_is_named_is_trained_on_and_options_of_a_new_one_are_refused(trained, run, error_of):
    assert run("distill", trained, "--student", trained, "--epochs", 0, "--out", "s.npz").code == 0
    for name, array in load(trained).state_dict().items():
        np.testing.assert_array_equal(load("s.npz").state_dict()[name], array)
    for option in (["--model", "cnn"], ["--width", 0.5]):
        assert error_of("distill", trained, "--student", trained, *option).startswith("--student names a model; --model and")
    assert error_of("distill", trained, "--dense").startswith("--dense needs --student")


@pytest.mark.parametrize("words", [
    ["decoupled", "--model", "mlp"], ["relational", "--model", "mlp"], ["mutual", "--model", "mlp"],
    ["relational", "--model", "mlp", "--layers", "relu1:relu3", "--weight", 1],
    ["hints", "--model", "mlp", "--layers", "relu1:relu3"], ["attention", "--layers", "relu1:relu1", "--epochs", 6]])
def test_every_loss_trains_a_student_by_name(words, trained, result_of):
    outputs = ["--out", "s.npz", "--picture", "s.svg"]
    result = result_of("distill", trained, "--width", 0.25, "--epochs", 2, "--lr", 0.05, *outputs, "--loss", *words)
    assert result["method"] == words[0] and result["accuracy"] > 0.3
    with open("s.svg") as picture:
        assert "<svg" in picture.read()


def test_mutual_learning_leaves_the_teachers_file_as_it_was(trained, run):
    before = trained.read_bytes()
    assert run("distill", trained, "--loss", "mutual", "--width", 0.25, "--epochs", 1, "--out", "s.npz").code == 0
    assert trained.read_bytes() == before


def test_options_that_do_not_belong_to_the_loss_are_named(trained, error_of):
    def error(*words):
        return error_of("distill", trained, "--epochs", 1, *words)

    assert error("--layers", "relu1:relu1") == (
        "--layers is for --loss hints, attention, relational; --loss hinton looks at no layer")
    assert error("--loss", "hints") == "--loss hints needs --layers, such as relu2:relu2, the student's layer first"
    assert error("--weight", 3) == "--weight is for --loss attention, relational, which add a part to Hinton's loss"
    assert "has to be pairs of layers, the student's first" in error("--loss", "hints", "--layers", "relu1")
    assert "has a layer of the student twice" in error("--loss", "hints", "--layers", "relu1:relu1,relu1:relu2")
    assert "picture" in error("--picture", "s.txt") or ".svg" in error("--picture", "s.txt")
    assert error("--picture", "s.svg", "--epochs", 0) == "--picture draws the training, and with --epochs 0 there is none"


def test_a_layer_that_is_not_there_is_named_with_the_nearest_and_integers_have_none(trained, error_of):
    words = ["--loss", "attention", "--width", 0.25, "--epochs", 1, "--layers"]
    assert error_of("distill", trained, *words, "relu1:relu9").startswith(
        "tap: the Sequential has no layer 'relu9'; nearest: relu")
    nnz = trained.with_suffix(".nnz")
    assert error_of("distill", nnz, *words, "relu1:relu1") == (
        f"--loss attention looks into the teacher, and {nnz} has only outputs; give the .npz that it was made from")
