import os
import pty
import signal
import subprocess
import sys
import termios
import time
import zipfile

import numpy as np
import pytest

from nncompress.pruning import magnitude_masks
from nnlite import checkpoint, load
from nnlite import train as training
from nnlite.cli.common import Recipe, build_model, make_task, make_training
from nnlite.optim import Adam

EPOCHS = 60
LONG = ["--width", "0.5", "--epochs", str(EPOCHS)]  # for some seconds, an epoch a fraction of one


def start(*arguments, **options):
    command = [sys.executable, "-m", "nnlite", "train", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def stop_after_the_first_epoch(process, path, signal_number):
    """(exit code, stdout, stderr) of a training run that gets a signal once it has written its first checkpoint."""
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.002)
    process.send_signal(signal_number)
    return process.wait(60), *process.communicate()


def arrays(path):
    """{name: bytes} of the arrays in a file."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".npy")}


def without_seconds(history):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """The file of the long run that nothing stopped."""
    path = tmp_path_factory.mktemp("whole") / "whole.npz"
    process = start(*LONG, "--out", str(path))
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    return path


def assert_ends_like(path, whole):
    assert arrays(path) == arrays(whole)
    saved, expected = checkpoint.load_state(path), checkpoint.load_state(whole)
    assert without_seconds(saved.history) == without_seconds(expected.history) and len(saved.history) == EPOCHS
    assert saved.metadata == expected.metadata


# ---- what is written


def test_a_finished_file_holds_the_model_and_its_history_but_no_optimizer(trained, tmp_path):
    saved = checkpoint.load_state(trained)
    assert saved.optimizer is None and saved.schedule is None and saved.loader is None
    assert [row["epoch"] for row in saved.history] == [*range(1, 9)]
    assert saved.history[-1]["accuracy"] > 0.9 > saved.history[0]["accuracy"]
    assert not any(name.startswith("optimizer/") for name in arrays(trained))


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(run):
    for seed, path in ((3, "a.npz"), (3, "b.npz"), (4, "c.npz")):
        assert run("train", "--width", 0.25, "--epochs", 2, "--seed", seed, "--out", path).code == 0
    assert arrays("a.npz") == arrays("b.npz")
    assert all(one != other for one, other in zip(arrays("a.npz").values(), arrays("c.npz").values(), strict=True))


def test_no_epochs_give_the_model_as_it_was_made(result_of):
    result = result_of("train", "--model", "mlp", "--width", 0.5, "--epochs", 0, "--out", "m.npz")
    assert result["parameters"] == 64 * 64 + 64 + 64 * 10 + 10
    assert checkpoint.load_state("m.npz").history == []


def test_the_seed_is_also_that_of_the_first_weights(run):
    for seed, path in ((3, "a.npz"), (3, "b.npz"), (4, "c.npz")):
        assert run("train", "--width", 0.25, "--epochs", 0, "--seed", seed, "--out", path).code == 0
    assert arrays("a.npz") == arrays("b.npz") != arrays("c.npz")


def test_only_the_chosen_classes_are_learned(result_of):
    result = result_of("train", "--model", "mlp", "--classes", "3,8", "--epochs", 4, "--out", "m.npz")
    assert load("m.npz").fc2.out_features == 2
    assert result["n"] == 71 and result["accuracy"] > 0.9


def test_the_learning_rate_rises_to_lr_and_falls_to_0(trained):
    rates = [row["lr"] for row in checkpoint.load_state(trained).history]  # at the start of 8 epochs with lr 0.05
    assert rates[0] == pytest.approx(0.005) and max(rates) == rates[1] <= 0.05
    assert rates[1:] == sorted(rates[1:], reverse=True) and rates[-1] < 0.005


def test_progress_goes_to_stderr_and_only_the_result_to_stdout():
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    os.set_blocking(master, False)
    command = [sys.executable, "-m", "nnlite", "train", "--width", "0.25", "--epochs", "2", "--out", "m.npz", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=slave, text=True, timeout=120)
    shown = os.read(master, 100_000).decode()
    os.close(slave)
    os.close(master)
    assert done.returncode == 0 and "epoch 1/2" in shown and "loss=" in shown
    assert done.stdout.count("\n") == 1 and done.stdout.startswith('{"file": "m.npz"')


# ---- stopped and resumed


def test_a_run_that_is_killed_and_resumed_ends_with_the_same_bytes(run, whole_run, tmp_path):
    path = tmp_path / "run.npz"
    code, _, _ = stop_after_the_first_epoch(start(*LONG, "--out", str(path)), path, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert 1 <= len(checkpoint.load_state(path).history) < EPOCHS
    assert run("train", *LONG, "--resume", "--out", path).code == 0
    assert_ends_like(path, whole_run)


def test_ctrl_c_is_one_line_and_the_last_whole_epoch_can_be_loaded_and_resumed(run, whole_run, tmp_path):
    path = tmp_path / "run.npz"
    code, out, err = stop_after_the_first_epoch(start(*LONG, "--out", str(path)), path, signal.SIGINT)
    assert (code, out, err) == (2, "", "nnlite: error: interrupted; files that were written before are whole\n")
    assert os.listdir(tmp_path) == ["run.npz"]
    assert 1 <= len(checkpoint.load_state(path).history) < EPOCHS
    assert load(path).fc2.out_features == 10
    assert run("train", *LONG, "--resume", "--out", path).code == 0
    assert_ends_like(path, whole_run)


def test_resume_without_a_file_starts_anew(run):
    for resume, path in (([], "a.npz"), (["--resume"], "b.npz")):
        assert run("train", "--width", 0.25, "--epochs", 1, *resume, "--out", path).code == 0
    assert arrays("a.npz") == arrays("b.npz")


def test_a_finished_file_and_one_of_another_model_cannot_be_resumed(trained, error_of, tmp_path):
    (tmp_path / "m.npz").write_bytes(trained.read_bytes())
    message = error_of("train", "--width", 0.5, "--resume", "--out", "m.npz")
    assert message == "m.npz holds a finished model, there is no training to resume"

    model = load(trained)
    checkpoint.save("m.npz", model, optimizer=Adam(model.parameters()))
    assert "m.npz was written with the optimizer Adam, this run has SGD" in error_of("train", "--resume", "--out", "m.npz")


RESUMABLE = {"--width": 0.25, "--lr": 0.03, "--batch-size": 32, "--seed": 3, "--classes": "3,8,9", "--labels-per-class": 20}


@pytest.fixture
def unfinished(run, tmp_path, monkeypatch):
    """run.npz as an interrupted run with RESUMABLE leaves it, and the options as a list."""
    options = [word for pair in RESUMABLE.items() for word in pair]

    def stop(*arguments, **others):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", stop)  # of the finished model
        assert run("train", *options, "--epochs", 4, "--out", "run.npz").code == 2
    assert len(checkpoint.load_state("run.npz").history) == 4
    return options


@pytest.mark.parametrize("option, other, message", [
    ("--lr", 0.05, "run.npz was begun with --lr 0.03, this run has 0.05; give the same options, or train anew"),
    ("--batch-size", 64, "run.npz was begun with --batch-size 32, this run has 64"),
    ("--width", 0.5, "run.npz was begun with --width 0.25, this run has 0.5"),
    ("--seed", 4, "run.npz was begun with --seed 3, this run has 4"),
    ("--classes", "3,8", "run.npz was begun with --classes 3,8,9, this run has 3,8"),
    ("--labels-per-class", 21, "run.npz was begun with --labels-per-class 20, this run has 21"),
    ("--model", "mlp", "run.npz was begun with --model cnn, this run has mlp"),
    ("--epochs", 3, "run.npz has 4 epochs done, --epochs 3 asks for fewer"),
])
def test_a_run_is_not_resumed_with_another_option_and_its_file_stays(unfinished, error_of, option, other, message):
    assert error_of("train", *unfinished, option, other, "--resume", "--out", "run.npz").startswith(message)


def test_a_run_can_be_resumed_for_more_epochs(unfinished, result_of):
    result_of("train", *unfinished, "--epochs", 6, "--resume", "--out", "run.npz")
    saved = checkpoint.load_state("run.npz")
    assert [row["epoch"] for row in saved.history] == [1, 2, 3, 4, 5, 6] and saved.optimizer is None
    assert saved.history[4]["lr"] > 0  # the cosine reaches 0 after the sixth epoch now


def test_what_is_pruned_in_a_resumed_file_stays_pruned_unless_dense(run, tmp_path):
    task = make_task("digits")
    model = build_model("cnn", task, width=0.25)
    loader = task.loader(64, 0)
    optimizer, schedule = make_training(model.parameters(), loader, Recipe(epochs=2, lr=0.02))
    masks = magnitude_masks(model, 0.7)
    masks.apply()
    training.fit(model, loader, optimizer, 1, schedule=schedule, after_step=masks.apply, masks=masks, checkpoint="begun.npz")
    for name, dense in (("sparse.npz", []), ("dense.npz", ["--dense"])):
        (tmp_path / name).write_bytes((tmp_path / "begun.npz").read_bytes())
        assert run("train", "--width", 0.25, "--epochs", 2, "--resume", *dense, "--out", name).code == 0
        assert len(checkpoint.load_state(name).history) == 2
    state = load("sparse.npz").state_dict()
    assert all(not state[name][~mask].any() for name, mask in masks.items())
    assert {name: mask.tolist() for name, mask in checkpoint.load_state("sparse.npz").masks.items()} == {
        name: mask.tolist() for name, mask in masks.items()}
    state = load("dense.npz").state_dict()
    assert all((state[name][~mask] != 0).mean() > 0.3 for name, mask in masks.items())  # dead units stay at 0


def test_a_run_that_was_begun_in_python_is_resumed_with_its_model_and_rate_only(error_of, run):
    task = make_task("digits")
    model = build_model("cnn", task, width=0.25)
    optimizer, schedule = make_training(model.parameters(), task.loader(64, 0), Recipe(epochs=2, lr=0.02))
    checkpoint.save("p.npz", model, optimizer=optimizer, schedule=schedule, loader=task.loader(64, 0))
    assert "p.npz was begun with a learning rate of 0.02, this run has --lr 0.05" in error_of(
        "train", "--width", 0.25, "--resume", "--lr", 0.05, "--out", "p.npz")
    assert "p.npz holds the model" in error_of("train", "--width", 0.5, "--resume", "--out", "p.npz")
    assert run("train", "--width", 0.25, "--resume", "--epochs", 1, "--out", "p.npz").code == 0


def test_dense_without_a_file_to_resume_is_refused(error_of):
    assert error_of("train", "--dense").startswith("--dense needs --resume")


def test_so_many_labels_of_each_class_are_used_and_200_steps_are_done(run, monkeypatch):
    seen, fit = [], training.fit

    def watched_fit(model, loader, *arguments, **options):
        seen.append(loader.dataset.labels)
        return fit(model, loader, *arguments, **options)

    monkeypatch.setattr(training, "fit", watched_fit)
    assert run("train", "--width", 0.25, "--labels-per-class", 7, "--out", "f.npz").code == 0
    assert [np.bincount(labels).tolist() for labels in seen] == [[7] * 10]
    assert len(checkpoint.load_state("f.npz").history) == 100  # 70 images are 2 batches


# ---- bad input


def test_a_run_that_diverges_says_where_and_why_and_leaves_no_file(error_of):
    message = error_of("train", "--lr", 1e9, "--epochs", 1)
    assert message.startswith("train: the loss became nan in epoch 1, batch 3 (learning rate 1e+09); likely causes: ")


def test_a_run_that_diverges_leaves_the_checkpoint_of_the_last_good_epoch(run, tmp_path, monkeypatch):
    real = training._check_finite

    def spoiled(name, array, optimizer, epoch, batch):
        real(name, array * np.nan if (epoch, batch) == (2, 5) else array, optimizer, epoch, batch)

    monkeypatch.setattr(training, "_check_finite", spoiled)
    code, out, err = run("train", "--width", 0.25, "--epochs", 3)
    assert (code, out) == (2, "") and "became nan in epoch 2, batch 5" in err and err.count("\n") == 1
    assert len(checkpoint.load_state(tmp_path / "model.npz").history) == 1


def test_a_model_that_is_too_deep_for_the_images_is_named(error_of):
    assert error_of("train", "--model", "lenet-5").startswith("lenet_5: an image of 8×8 pixels is too small")


def test_a_model_that_does_not_fit_into_memory_is_one_line(error_of):
    assert "Unable to allocate" in error_of("train", "--width", 1e9)


def test_a_class_that_the_data_do_not_have_is_named(error_of):
    assert error_of("train", "--classes", "1,77") == "there is no class 77, the dataset has classes 0 to 9"
