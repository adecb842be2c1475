from pathlib import Path

import numpy as np
import pytest

import nnlite
from nnlite import models, nn
from nnlite.cli.common import make_task
from nnlite.foreign import read_state

NET = """
from nnlite import nn

def net(in_features, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_features, 5, rng=0), nn.ReLU(), nn.Linear(5, classes, rng=0))
"""


@pytest.fixture
def weights():
    """weights.npz, the arrays of a small network for the digits, as np.savez writes them; and net.py, which builds it."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 5, rng=1), nn.ReLU(), nn.Linear(5, 10, rng=2))
    np.savez("weights.npz", **model.state_dict())
    Path("net.py").write_text(NET)
    return model


def test_weights_become_a_file_that_is_measured_and_says_what_it_takes(weights, result_of):
    result = result_of("import", "weights.npz", "--model", "net.py:net", "--data", "digits", "--out", "m.npz")
    task = make_task("digits")
    errors = int((weights(task.prepared(task.test.images)).data.argmax(axis=1) != task.test.labels).sum())
    assert (result["errors"], result["n"], result["missing"], result["unexpected"]) == (errors, 360, [], [])
    assert nnlite.checkpoint.load_state("m.npz").metadata["input"] == task.input.as_dict()
    assert result_of("evaluate", "m.npz")["errors"] == errors


def test_without_data_shape_names_and_normalization_are_told_or_the_file_does_not_say_them(weights, run, result_of):
    options = ["--shape", "1,8,8", "--names", ",".join("abcdefghij"), "--mean", "0.5", "--std", "0.25"]
    result = result_of("import", "weights.npz", "--model", "net.py:net", *options, "--out", "m.npz")
    assert result["parameters"] == 64 * 5 + 5 + 5 * 10 + 10
    assert nnlite.checkpoint.load_state("m.npz").metadata["input"] == {
        "shape": [1, 8, 8], "dtype": "uint8", "mean": [0.5], "std": [0.25], "names": list("abcdefghij")}
    assert "note" not in result
    np.savez("lenet.npz", **models.lenet_300_100().state_dict())
    text = run("import", "lenet.npz", "--model", "lenet-300-100", "--out", "l.npz").out.splitlines()[-1]
    assert text == ("l.npz does not say how its images are normalized: each command will normalize them as its --data does; "
                    "--data here, or --shape, --names, --mean and --std, write it into the file")
    assert "input" not in nnlite.checkpoint.load_state("l.npz").metadata


def test_what_is_missing_is_listed_and_only_let_through_when_asked(weights, run, result_of, error_of):
    state = {name: array for name, array in weights.state_dict().items() if name != "3.bias"} | {"more": np.zeros(3)}
    np.savez("part.npz", **state)
    assert error_of("import", "part.npz", "--model", "net.py:net", "--data", "digits", "--out", "m.npz") == (
        "part.npz: load_state_dict: missing ['3.bias'], unexpected ['more']")
    command = ["import", "part.npz", "--model", "net.py:net", "--data", "digits", "--partial", "--out", "m.npz"]
    result = result_of(*command)
    assert (result["missing"], result["unexpected"]) == (["3.bias"], ["more"])
    assert "missing: 3.bias\nunexpected: more\n" in run(*command).out
    np.savez("other.npz", a=np.zeros(2))
    assert "other.npz: it has none of the names of net.py:net, but a" in error_of(
        "import", "other.npz", "--model", "net.py:net", "--data", "digits", "--partial", "--out", "n.npz")


def test_an_onnx_file_becomes_a_model_of_the_same_answers(result_of, error_of):
    pytest.importorskip("onnx")
    model = models.cnn(1, 8, width=0.25)
    nnlite.save("a.npz", model, metadata={"input": make_task("digits").input.as_dict()})
    errors = result_of("evaluate", "a.npz")["errors"]
    result_of("export", "a.npz", "--out", "a.onnx")
    result = result_of("import", "a.onnx", "--data", "digits", "--out", "b.npz")
    assert result["errors"] == errors
    result_of("quantize", "b.npz", "--out", "b.nnz")
    told = "c.npz does not say how its images are normalized: each command will normalize them as its --data does; --data here"
    assert result_of("import", "a.onnx", "--out", "c.npz")["note"].startswith(told)
    assert [layer for layer, _ in nnlite.load("c.npz").named_children()] == [
        "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "flatten1", "fc1", "relu3", "fc2"]
    assert error_of("import", "a.onnx", "--model", "cnn", "--out", "d.npz").startswith("a.onnx holds a whole model; --model")
    assert error_of("import", "a.onnx", "--names", "cat,dog", "--mean", 0, "--std", 1, "--out", "d.npz") == (
        "a.onnx gives results of shape (10,) for one image, there are 2 names of classes")


def test_weights_are_exported_as_safetensors_and_come_back(result_of, error_of):
    pytest.importorskip("safetensors")
    model = models.mlp(64, 7)
    nnlite.save("a.npz", model)
    assert result_of("export", "a.npz", "--out", "w.safetensors")["arrays"] == 4
    np.testing.assert_array_equal(read_state("w.safetensors")["fc2.weight"], model.fc2.weight.data)
    np.savez("b.npz", **read_state("w.safetensors"))
    assert "fc1.weight has shape (7, 64), the model expects (128, 64)" in error_of(
        "import", "b.npz", "--model", "mlp", "--data", "digits", "--out", "c.npz")


@pytest.mark.parametrize("command, message", [
    ("import weights.npz", "weights.npz holds weights and no layers: --model says which model they are for"),
    ("import w.pt --model mlp", "w.pt: PyTorch's .pt files are pickles"),
    ("import nowhere.npz --model mlp", "there is no file nowhere.npz"),
    ("import nowhere.onnx", "there is no file nowhere.onnx"),
    ("import weights.npz --model net.py:net --data digits --shape 1,8,8", "--data says the images' shape"),
    ("import weights.npz --model net.py:net --mean 0.5", "--mean and --std go together"),
    ("import weights.npz --model net.py:net --names a,b", "--names needs --mean and --std"),
    ("import weights.npz --model mlp --mean 0 --std 1", "weights.npz: load_state_dict: missing ['fc1.bias'"),
    ("import weights.npz --model net.py:net --shape 1,8", "argument --shape: has to be C,H,W, as in 1,28,28"),
    ("import weights.npz --model net.py:net --names a,a", "argument --names: has to be two or more different names"),
    ("import weights.npz --model net.py:net --mean x", "argument --mean: has to be numbers with commas between"),
    ("import weights.npz --model net.py:net --shape 1,8,8 --names a,b,c,d,e,f,g,h,i,j --mean 0 --std 0",
     "the input of the model is {'shape': [1, 8, 8]"),
])
def test_what_cannot_be_imported_is_said_in_one_sentence(weights, error_of, command, message):
    Path("w.pt").write_bytes(b"PK")
    assert error_of(*command.split()).startswith(message)
