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
    assert error_of("distill", trained, "--data", "mnist", "--data-dir", small_mnist).startswith(
        f"{trained} takes images of shape (1, 8, 8), the data has (1, 28, 28): "
        "linear: x has 784 features, w (64, 64) expects 64")


def test_a_student_that_is_named_is_trained_on_and_options_of_a_new_one_are_refused(trained, run, error_of):
    assert run("distill", trained, "--student", trained, "--epochs", 0, "--out", "s.npz").code == 0
    for name, array in load(trained).state_dict().items():
        np.testing.assert_array_equal(load("s.npz").state_dict()[name], array)
    for option in (["--model", "cnn"], ["--width", 0.5]):
        assert error_of("distill", trained, "--student", trained, *option).startswith("--student names a model; --model and")
    assert error_of("distill", trained, "--dense").startswith("--dense needs --student")
