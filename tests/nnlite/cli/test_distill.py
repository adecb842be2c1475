import numpy as np
import pytest

from nnlite import checkpoint, load
from nntransfer.distill import loop


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
        f"{trained} takes images of shape (1, 8, 8), the data has (1, 28, 28) (--data chooses it)")


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


# ---- transfer sets


@pytest.fixture
def shown(monkeypatch):
    """What `fit` trains on: a list of data sets."""
    seen, fit = [], loop.fit

    def watched_fit(model, batches, *arguments, **options):
        seen.append(batches.loader.dataset)
        return fit(model, batches, *arguments, **options)

    monkeypatch.setattr(loop, "fit", watched_fit)
    return seen


def test_a_class_left_out_is_never_shown_and_the_student_still_has_it(trained, result_of, shown):
    result = result_of("distill", trained, "--without", "3,5", "--epochs", 1, "--alpha", 0.5, "--out", "s.npz")
    assert sorted(set(shown[0].labels.tolist())) == [0, 1, 2, 4, 6, 7, 8, 9]
    assert load("s.npz").fc2.out_features == 10 and result["n"] == 360


@pytest.mark.parametrize("loss", [[], ["--loss", "relational"], ["--loss", "hints", "--layers", "relu1:relu1"]])
def test_from_noise_the_student_hears_the_teacher_alone(trained, run, shown, loss):
    small = ["--width", 0.25, "--epochs", 1, "--transfer-set", "noise", *loss]
    assert run("distill", trained, *small, "--out", "s.npz").code == 0
    for images in shown:
        assert images.images.shape == (1437, 1, 8, 8) and 120 < images.images.mean() < 135
        assert (images.labels == -1).all()
    history = checkpoint.load_state("s.npz").history
    assert all("loss" in row and "accuracy" not in row for row in history)  # there are no labels to compare with
    assert checkpoint.load_state("s.npz").metadata["made"]["options"]["alpha"] == 1


def test_the_images_of_another_data_set_come_without_their_labels(trained, run, shown):
    others = np.random.default_rng(0).integers(0, 256, (70, 1, 8, 8), np.uint8)
    np.savez("others.npz", images=others, labels=np.arange(70) % 3)
    run("distill", trained, "--transfer-set", "others.npz", "--epochs", 1, "--out", "s.npz")
    assert {image.tobytes() for image in shown[0].images} <= {image.tobytes() for image in others}
    assert (shown[0].labels == -1).all() and shown[0].classes == 10


def test_options_that_do_not_go_with_a_transfer_set_or_with_mutual_learning_are_named(trained, error_of):
    def error(*words):
        return error_of("distill", trained, "--epochs", 1, *words)

    assert error("--transfer-set", "noise", "--without", 3) == (
        "--without chooses by label, and the images of --transfer-set have none")
    for loss in ("mutual", "decoupled"):
        assert error("--transfer-set", "noise", "--loss", loss) == (
            f"--loss {loss} needs labels, and the images of --transfer-set have none")
    assert error("--transfer-set", "noise", "--alpha", 0.5) == (
        "--alpha 0.5 gives labels a share of the loss, and the images of --transfer-set have none")
    for option in ("temperature", "alpha"):
        assert error("--loss", "mutual", f"--{option}", 1) == (
            f"--{option} is about what a teacher says; in --loss mutual both models learn alike, without it")
    assert error("--without", 12) == "without_classes: there is no class 12, the dataset has classes 0 to 9"
    assert "--without: has to be class numbers with commas between, as in 5,6,7, got three" in error("--without", "three")
    assert "has to be noise or one of digits, mnist" in error("--transfer-set", "nois")


def test_a_transfer_set_of_other_images_and_noise_for_numbers_are_refused(trained, error_of, run):
    wide = np.zeros((20, 1, 8, 10), np.uint8)
    np.savez("wide.npz", images=wide, labels=np.arange(20) % 2)
    assert error_of("distill", trained, "--transfer-set", "wide.npz") == (
        "--transfer-set wide.npz has images of shape (1, 8, 10), uint8, the models take (1, 8, 8), uint8")
    np.savez("rows.npz", images=np.random.default_rng(0).random((40, 6), np.float32), labels=np.arange(40) % 2)
    assert run("train", "--data", "rows.npz", "--model", "mlp", "--epochs", 1, "--out", "t.npz").code == 0
    assert error_of("distill", "t.npz", "--data", "rows.npz", "--model", "mlp", "--transfer-set", "noise") == (
        "--transfer-set noise is made of bytes, the images of rows.npz are float32")


def test_the_teacher_is_measured_beside_its_student(trained, run, result_of):
    accuracy = result_of("evaluate", trained)["accuracy"]
    result = result_of("distill", trained, "--epochs", 1, "--out", "s.npz")
    assert result["accuracies"] == {"the teacher": accuracy}
    out = run("distill", trained, "--epochs", 1, "--out", "s.npz").out
    assert out.splitlines()[-1] == f"for comparison, the teacher: {accuracy:.2%}"
