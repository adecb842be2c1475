"""Files of other classes, of other images, and of another normalization than the data's: the same in each command."""

from dataclasses import replace

import numpy as np
import pytest

import nncompress
import nnlite
from nnlite import models
from nnlite.cli.common import load_task, make_task
from nnlite.cli.parser import build_parser

COMMANDS = [
    "evaluate m.npz --data other", "quantize m.npz --data other --out o.nnz", "prune m.npz --data other --out o.npz",
    "compress m.npz --data other --epochs 0 --out o.nnz", "compress m.npz --data other --target-bytes 900 --out o.nnz",
    "distill m.npz --data other --out o.npz", "distill right.npz --student m.npz --data other --out o.npz",
    "compress right.npz --teacher m.npz --data other --target-bytes 900 --out o.nnz",
    "fuse right.npz m.npz --data other --out o.npz", "report right.npz m.npz --data other --out o.html",
    "train --resume --data other --epochs 1 --out m.npz", "predict m.npz a.png --data other",
]


@pytest.fixture
def files():
    """m.npz, whose second class is a cross; other.npz, data whose second class is a ring; and right.npz, a model for it."""
    rng = np.random.default_rng(0)
    arrays = {"images": rng.integers(0, 256, (30, 4, 6), np.uint8)}
    np.savez("shapes.npz", labels=["circle", "cross", "square"] * 10, **arrays)
    np.savez("other.npz", labels=["circle", "ring", "square"] * 10, **arrays)
    model = models.cnn(1, (4, 6), classes=3, width=0.1)
    optimizer = nnlite.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    nnlite.save("m.npz", model, optimizer=optimizer, metadata={"input": make_task("shapes.npz").input.as_dict()})
    nnlite.save("right.npz", model, metadata={"input": make_task("other.npz").input.as_dict()})
    return model


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_of_other_classes_of_the_same_number_is_refused(files, error_of, command):
    message = error_of(*command.replace("other", "other.npz").split())
    assert message == ("m.npz: class 1 is 'cross' in the file and 'ring' in the data; both need the same classes in the same "
                       "order")


def test_images_that_are_not_bytes_are_refused_for_a_model_of_bytes(files, error_of):
    arrays = np.load("shapes.npz")
    np.savez("floats.npz", images=arrays["images"] / 255, labels=arrays["labels"])
    assert error_of("evaluate", "m.npz", "--data", "floats.npz") == (
        "m.npz takes images of uint8, the data has float32; give bytes from 0 to 255")


def test_two_data_sets_of_ten_classes_are_told_apart(error_of, small_mnist):
    nnlite.save("m.npz", models.mlp(), metadata={"input": make_task("mnist", small_mnist).input.as_dict()})
    assert "m.npz: class 0 is '0' in the file and 'T-shirt/top' in the data" in error_of(
        "evaluate", "m.npz", "--data", "fashion-mnist", "--data-dir", small_mnist)


def test_a_file_of_the_same_classes_is_measured_by_its_own_normalization(files, result_of):
    """Twice as bright images, and the model's own mean and deviation: by hand, on the test part."""
    arrays, stored = np.load("shapes.npz"), make_task("shapes.npz").input
    np.savez("bright.npz", images=arrays["images"] // 2 + 128, labels=arrays["labels"])
    _, test = nnlite.data.load("bright.npz")
    x = (test.images / np.float32(255) - np.float32(stored.mean)) / np.float32(stored.std)
    errors = int((files.eval()(x).data.argmax(axis=1) != test.labels).sum())
    assert result_of("evaluate", "m.npz", "--data", "bright.npz")["errors"] == errors
    task = load_task(build_parser().parse_args(["evaluate", "m.npz", "--data", "bright.npz"]), "m.npz")
    assert task.input == stored


def test_a_file_that_was_made_from_another_keeps_its_normalization(files, result_of):
    arrays, stored = np.load("shapes.npz"), make_task("shapes.npz").input
    np.savez("bright.npz", images=arrays["images"] // 2 + 128, labels=arrays["labels"])
    result_of("prune", "m.npz", "--data", "bright.npz", "--epochs", 0, "--out", "p.npz")
    assert nnlite.checkpoint.load_state("p.npz").metadata["input"] == stored.as_dict()


def test_two_files_of_two_normalizations_are_not_trained_together(files, error_of):
    other = replace(make_task("shapes.npz").input, mean=(0.0,), std=(1.0,))
    nnlite.save("n.npz", files, metadata={"input": other.as_dict()})
    message = error_of("fuse", "m.npz", "n.npz", "--data", "shapes.npz", "--out", "o.npz")
    assert message.startswith("m.npz and n.npz normalize images in two ways, by Normalize(mean=(0.")
    assert "by Normalize(mean=(0.0,), std=(1.0,)); together they cannot be trained" in message


def test_compress_puts_the_names_into_its_file_within_the_budget(files, result_of):
    for options in (["--epochs", 0], ["--target-bytes", 250, "--epochs", 2]):
        result_of("compress", "m.npz", "--data", "shapes.npz", *options, "--out", "c.nnz")
        assert nncompress.load("c.nnz").input.names == ("circle", "cross", "square")
        result_of("compress", "m.npz", "--data", "shapes.npz", "--no-names", *options, "--out", "d.nnz")
        assert nncompress.load("d.nnz").input is None
    assert nncompress.inspect("c.nnz").file_bytes <= 250


def test_a_compressed_file_of_other_classes_is_refused(files, result_of, error_of):
    result_of("quantize", "m.npz", "--data", "shapes.npz", "--out", "q.nnz")
    for command in (["evaluate", "q.nnz"], ["distill", "q.nnz", "--out", "o.npz"], ["report", "q.nnz", "--out", "o.html"]):
        assert error_of(*command, "--data", "other.npz").startswith("q.nnz: class 1 is 'cross' in the file and 'ring' in the")


def test_a_file_without_names_takes_any(files, result_of):
    nnlite.save("plain.npz", files)
    nncompress.save("plain.nnz", nncompress.quantize(files, make_task("other.npz").calibration(0)))
    for path in ("plain.npz", "plain.nnz"):
        assert result_of("evaluate", path, "--data", "other.npz")["n"] == 6
