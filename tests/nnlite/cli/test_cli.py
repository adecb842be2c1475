"""What holds for every command: exit code 2 and one line for what a user can mend, and no half-written files."""

import errno
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnlite
from nnlite import load
from nnlite.data import mnist

READING = ["evaluate", "inspect", "report", "prune", "quantize", "compress", "distill", "finetune", "transfer", "fuse"]
WRITING = ["train", "report", "prune", "quantize", "compress", "distill", "finetune", "transfer", "fuse"]


def command_line(command, file, *options):
    """One that is soon done."""
    if command in ("train", "prune", "compress", "distill", "finetune", "transfer"):
        options = ["--epochs", 0, *options]
    files = {"train": [], "fuse": [file, file]}.get(command, [file])
    return [command, *files, *options]


# ---- files that cannot be read


@pytest.mark.parametrize("command", READING)
def test_files_that_are_no_models_are_named(error_of, trained, tmp_path, command):
    whole, coded = trained.read_bytes(), trained.with_suffix(".nnz").read_bytes()
    (tmp_path / "directory.npz").mkdir()
    np.savez(tmp_path / "foreign.npz", a=np.zeros(3))
    half, half_coded = whole[: len(whole) // 2], coded[: len(coded) // 2]
    contents = {"empty.npz": b"", "text.npz": b"hello\n", "cut.npz": half, "cut.nnz": half_coded,
                "magic.npz": b"PK\x03\x04", "magic.nnz": b"NNZ\x01", "zeros.npz": half + bytes(1000)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    assert error_of(*command_line(command, "nowhere.npz")) == "No such file or directory: nowhere.npz"
    assert error_of(*command_line(command, "directory.npz")) == "Is a directory: directory.npz"
    for name in ["foreign.npz", *contents]:
        assert error_of(*command_line(command, name)).startswith(f"{name}")


def test_a_file_whose_weights_are_no_numbers_is_not_scored(error_of, trained):
    model = load(trained)
    model.fc1.weight.data[0] = np.nan
    nnlite.save("nan.npz", model)
    assert error_of("evaluate", "nan.npz") == "nan.npz gives outputs that are NaN or infinite"
    assert error_of("quantize", "nan.npz").startswith("quantize: fc1, w: 64 of 4096 values are NaN or infinite")
    assert "scores are NaN" in error_of("prune", "nan.npz")


# ---- files that cannot be written


@pytest.mark.parametrize("command", WRITING)
def test_a_place_that_cannot_be_written_is_named_before_the_work_begins(error_of, tmp_path, monkeypatch, command):
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")

    def error(out):
        return error_of(*command_line(command, "not-even-looked-at.npz", "--out", out))

    assert error("nowhere/a") == "there is no such directory to write to: nowhere"
    assert error("directory") == "is a directory, not a file to write: directory"
    assert error("pipe") == "is a device or a pipe, not a file to write: pipe"
    for name, target in (("circle", "circle"), ("dangling", "nowhere/file")):
        (tmp_path / name).symlink_to(target)
    assert error("circle") == "Too many levels of symbolic links: circle"
    assert error("dangling") == f"is a link to {tmp_path}/nowhere/file, and there is no such directory to write to: dangling"
    assert error("x" * 300).startswith("File name too long: xxx")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    assert error("a") == "the directory cannot be written to: ."
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("command", WRITING)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(error_of, trained, tmp_path, monkeypatch, command):
    (tmp_path / "out").write_bytes(b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert error_of(*command_line(command, trained, "--out", "out")) == "cannot write out: No space left on device"


@pytest.mark.parametrize("command", ["report", "quantize", "compress", "export"])
def test_a_model_is_not_replaced_by_what_is_made_from_it(error_of, trained, tmp_path, command):
    (tmp_path / "m.npz").write_bytes(trained.read_bytes())
    (tmp_path / "same.npz").symlink_to("m.npz")
    for out in ("m.npz", "same.npz"):
        assert error_of(*command_line(command, "m.npz", "--out", out)).startswith(f"--out {out} is the model that is read")


@pytest.mark.parametrize("command", [*WRITING, "export"])
def test_a_name_that_promises_another_kind_of_file_is_refused_before_the_work_begins(error_of, command):
    other = ".npz" if command in ("report", "quantize", "compress", "export") else ".nnz"
    assert error_of(*command_line(command, "not-even-looked-at.npz", "--out", f"a{other}")).endswith(f", not in {other}")


@pytest.mark.parametrize("command, what", [
    ("train", "the weights are those that --seed drew"), ("prune", "the pruned model was not retrained"),
    ("compress", "the pruned model was not retrained"), ("distill", "the student has its first weights"),
    ("finetune", "the new last layer has the weights that --seed drew"),
])
def test_the_result_of_no_epochs_says_what_is_in_the_file(run, trained, command, what):
    for epochs, lines in ((0, 1), (1, 0)):
        code, out, _ = run(*command_line(command, trained, "--epochs", epochs))
        assert code == 0 and out.splitlines().count(f"--epochs 0: nothing was trained; {what}") == lines


def test_a_demo_without_a_directory_to_write_to_is_one_line(error_of, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert error_of("demo", "--out", "file") == "File exists: file"
    assert error_of("demo", "--out", "file/below") == "Not a directory: file/below"


# ---- data that do not fit, are damaged, or missing


@pytest.mark.parametrize("end", [".npz", ".nnz"])
def test_images_of_another_shape_and_other_classes_are_named_with_the_file(error_of, trained, small_mnist, end):
    path = trained.with_suffix(end)
    message = error_of("evaluate", path, "--data", "mnist", "--data-dir", small_mnist)
    assert str(path) in message and "(1, 28, 28)" in message
    assert error_of("evaluate", path, "--classes", "1,2,3") == (
        f"{path} tells 10 classes apart, the data has 3 (--classes chooses some)")


def test_files_of_a_data_set_are_read_where_the_user_says(result_of, small_mnist):
    options = ["--data", "mnist", "--data-dir", small_mnist]
    result = result_of("train", "--model", "lenet-5", "--width", 0.1, "--epochs", 1, *options, "--out", "m.npz")
    assert result["n"] == 40
    assert result_of("evaluate", "m.npz", *options)["errors"] == result["errors"]


@pytest.mark.parametrize("damage, message", [
    (lambda content: content[:-1], "header promises 31360 bytes for shape (40, 28, 28), there are only 31359"),
    (lambda content: content + b"x", "there are more"),
    (lambda content: b"", "starts with ''"),
    (lambda content: b"<html>", "starts with '3c 68 74 6d'"),
    (lambda content: gzip.compress(content)[:-9], "damaged or truncated gzip data"),
])
def test_a_damaged_file_of_a_data_set_is_named(error_of, small_mnist, damage, message):
    path = small_mnist / "t10k-images-idx3-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    told = error_of("train", "--data", "mnist", "--data-dir", small_mnist)
    assert told.startswith(f"{path}: ") and message in told


def test_labels_that_are_no_class_are_named(error_of, small_mnist):
    path = small_mnist / "train-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x0a")
    assert error_of("train", "--data", "mnist", "--data-dir", small_mnist) == f"{path}: label 10 at index 39, expected 0 to 9"


def test_a_data_set_that_is_missing_says_what_to_put_where(error_of, small_mnist, tmp_path, monkeypatch):
    (small_mnist / "t10k-labels-idx1-ubyte").unlink()
    assert error_of("train", "--data", "mnist", "--data-dir", small_mnist) == (
        f"mnist: the directory {small_mnist} has no t10k-labels-idx1-ubyte.gz")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NNLITE_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setitem(mnist.BASE_URL, "mnist", "http://127.0.0.1:1/")  # where nobody listens
    message = error_of("train", "--data", "mnist")
    assert message.startswith("mnist: not on this machine, and http://127.0.0.1:1/train-images-idx3-ubyte.gz cannot be fetched")
    assert all(name in message for name in mnist.FILES["mnist"]) and f"put them into {tmp_path}/cache/nnlite/mnist" in message


def test_digits_are_in_the_package_and_not_in_a_directory(error_of, tmp_path):
    assert error_of("train", "--data-dir", tmp_path).startswith("load: digits are bundled and not read from")


# ---- as programs


def program(*arguments, **options):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "nnlite", *map(str, arguments)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120, env=environment, **options)


def test_the_program_prints_its_result_and_ends_with_0(trained):
    done = program("evaluate", trained, "--json", stdout=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["n"] == 360


def test_the_program_ends_with_2_and_one_line(tmp_path):
    done = program("evaluate", "nowhere.npz", stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "nnlite: error: No such file or directory: nowhere.npz\n")


@pytest.mark.parametrize("line", [["inspect", "FILE"], ["evaluate", "FILE", "--json"], ["--help"], ["train", "--help"]])
def test_a_reader_that_has_gone_is_no_error(trained, line):
    reader, writer = os.pipe()
    os.close(reader)
    done = program(*(trained if word == "FILE" else word for word in line), stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs the device /dev/full")
def test_a_result_that_cannot_be_written_is_one_line(trained):
    with open("/dev/full", "r+") as full:
        done = program("evaluate", trained, stdout=full)
    assert (done.returncode, done.stderr) == (2, "nnlite: error: No space left on device\n")
