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

from nnlite import checkpoint, load
from nnlite import train as training
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
    assert error_of("train", "--model", "lenet-5").startswith("lenet_5: an image of 8 pixels is too small")


def test_a_model_that_does_not_fit_into_memory_is_one_line(error_of):
    assert "Unable to allocate" in error_of("train", "--width", 1e9)


def test_a_class_that_the_data_do_not_have_is_named(error_of):
    assert error_of("train", "--classes", "1,77") == "of_classes: no class 77, the dataset has classes 0 to 9"
