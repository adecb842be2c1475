from pathlib import Path

import numpy as np
import pytest

import nnlite
from nnlite.cli.own_model import build_own, is_own_model
from nnlite.cli.parser import build_parser

NET = '''
from nnlite import functional as F
from nnlite import nn
from helper import SIZE

print_nothing = None

class Net(nn.Module):
    """Two layers, whose hidden one is read twice."""

    def __init__(self, in_features, classes, seed):
        self.fc1 = nn.Linear(in_features, SIZE, rng=seed)
        self.fc2 = nn.Linear(SIZE, SIZE, rng=seed + 1)
        self.head = nn.Linear(SIZE, classes, rng=seed + 2)

    def forward(self, x):
        h = F.relu(self.fc1(x.reshape(x.shape[0], -1)))
        return self.head(F.relu(self.fc2(h)) + h)

def listed(in_channels, image_size, classes):
    return nn.Sequential(nn.Conv2d(in_channels, 3, 3, rng=0), nn.ReLU(), nn.Flatten(),
                         nn.Linear(3 * (image_size - 2) ** 2, classes, rng=1))

def number():
    return 3

def fails():
    return 1 / 0
'''
ANNOTATED = '''
from __future__ import annotations
from dataclasses import dataclass
from nnlite import nn

@dataclass
class Sizes:
    hidden: int = 5

def net(in_features, classes):
    return nn.Sequential(nn.Linear(in_features, Sizes().hidden), nn.Linear(5, classes))
'''


@pytest.fixture(autouse=True)
def files():
    Path("nets").mkdir()
    Path("nets/my_net.py").write_text(NET)
    Path("nets/helper.py").write_text("SIZE = 8\n")
    Path("broken.py").write_text("x = 1\ny = z\n")
    Path("syntax.py").write_text("def f(:\n")
    Path("script.py").write_text("import sys\nsys.exit(0)\n")
    Path("calls_exit.py").write_text("import sys\ndef f():\n    sys.exit(0)\n")
    Path("annotated.py").write_text(ANNOTATED)


def test_a_class_of_ones_own_is_trained_and_its_file_asks_for_it_again(result_of, error_of):
    own = ["--model", "nets/my_net.py:Net"]
    result = result_of("train", *own, "--epochs", 2, "--lr", 0.05, "--out", "m.npz")
    assert result["accuracy"] > 0.5
    assert nnlite.checkpoint.load_state("m.npz").architecture == {
        "name": "own", "arguments": {"model": "nets/my_net.py:Net", "given": {"in_features": 64, "classes": 10, "seed": 0}}}
    assert result_of("evaluate", "m.npz", *own)["errors"] == result["errors"]
    for command in ("evaluate m.npz", "quantize m.npz --out q.nnz", "prune m.npz --out p.npz", "export m.npz --out m.onnx",
                    "finetune m.npz --out f.npz", "compress m.npz --out c.nnz", "distill m.npz --out d.npz",
                    "fuse m.npz m.npz --out f.npz", "transfer m.npz --target digits --out f.npz", "report m.npz --out r.html"):
        message = error_of(*command.split())
        assert "m.npz holds a model of the class 'nets/my_net.py:Net': give --model nets/my_net.py:Net" in message


def test_every_command_takes_the_class(result_of):
    own = ["--model", "nets/my_net.py:Net"]
    result_of("train", *own, "--epochs", 1, "--out", "m.npz")
    result_of("prune", "m.npz", *own, "--epochs", 0, "--out", "p.npz")
    result_of("prune", "p.npz", *own, "--filters", 0.5, "--epochs", 0, "--out", "s.npz")
    result_of("quantize", "s.npz", *own, "--out", "q.nnz")
    result_of("compress", "m.npz", *own, "--epochs", 0, "--out", "c.nnz")
    assert result_of("evaluate", "c.nnz")["arithmetic"] == "int8"  # which needs no class
    result_of("finetune", "m.npz", *own, "--classes", "1,2,3", "--epochs", 1, "--out", "f.npz")
    assert result_of("evaluate", "f.npz", *own, "--classes", "1,2,3")["n"] == 108
    result_of("distill", "m.npz", "--teacher-model", own[1], *own, "--epochs", 1, "--out", "d.npz")
    result_of("distill", "q.nnz", "--student", "d.npz", *own, "--epochs", 1, "--out", "e.npz")
    result_of("fuse", "m.npz", "p.npz", *own, "--out", "g.npz")
    result_of("transfer", "m.npz", *own, "--target", "digits", "--classes", "1,2", "--epochs", 1, "--out", "t.npz")
    result_of("train", *own, "--epochs", 2, "--out", "u.npz")


def test_a_sequential_of_ones_own_needs_its_file_only_once(result_of):
    result = result_of("train", "--model", "nets/my_net.py:listed", "--epochs", 1, "--out", "m.npz")
    assert result_of("evaluate", "m.npz")["errors"] == result["errors"]
    assert nnlite.checkpoint.load_state("m.npz").architecture["name"] == "layers"
    x = np.zeros((1, 1, 8, 8), np.float32)
    assert nnlite.load("m.npz")(x).shape == (1, 10)


@pytest.mark.parametrize("source, message", [
    ("nowhere.py:Net", "there is no file nowhere.py (--model nowhere.py:Net)"),
    ("broken.py:Net", "broken.py:Net: line 2: NameError: name 'z' is not defined"),
    ("syntax.py:f", "syntax.py:f: SyntaxError: "),
    ("script.py:f", "script.py:f: line 2: SystemExit: 0"),
    ("calls_exit.py:f", "calls_exit.py:f: line 3: SystemExit: 0"),
    ("nets/my_net.py:Nett", "nets/my_net.py has no class or function 'Nett', only Net"),
    ("nets/my_net.py:print_nothing", "nets/my_net.py has no class or function 'print_nothing', only Net"),
    ("nets/my_net.py:number", "nets/my_net.py:number makes a builtins.int, expected a nnlite.nn.Module"),
    ("nets/my_net.py:fails", "nets/my_net.py:fails: line 28: ZeroDivisionError: division by zero"),
    ("nets/my_net.py:F", "nets/my_net.py has no class or function 'F'"),
])
def test_what_is_wrong_in_the_file_is_said_in_one_sentence(error_of, source, message):
    assert error_of("train", "--model", source).startswith(message)


FORWARD = """
from nnlite import functional as F
from nnlite import nn

class Net(nn.Module):
    def __init__(self, in_features, classes):
        self.fc = nn.Linear(in_features, classes, rng=0)

"""  # a class whose forward follows in line 9


@pytest.mark.parametrize("method, message", [
    ("def forward(self, x): return self.fc(x)", "linear.py: line 9: ValueError: linear: x has 8 features, w (10, 64) expects"),
    ("def forward(self, x): return 1 + None", "linear.py: line 9: TypeError: unsupported operand type(s) for +: "),
    ("def forward(self, x): return self.gc(x)", "linear.py: line 9: AttributeError: 'Net' object has no attribute 'gc'"),
    ("def forward(self, x): return self.fc([][1])", "linear.py: line 9: IndexError: list index out of range"),
    ("def forward(self, x): return F.linear(x, None)", "linear.py: line 9: AttributeError: 'NoneType' object has no"),
    ("def forward(self, x): return self(x)", "linear.py: line 9: RecursionError: "),
    ("def forward(self, x): raise SystemExit(0)", "linear.py: line 9: SystemExit: 0"),
    ("def forward(self, x): raise OSError(2, 'gone', 'f')", "linear.py: line 9: FileNotFoundError: gone: f"),
    ("def forward(self): return 1", "linear.py:Net: TypeError: Net.forward() takes 1 positional argument but 2 were given"),
    ("def forward(self, x): self.fc(x.reshape(1, 64))", "linear.py:Net: ValueError: trace: the model has to return one Tensor"),
    ("", "linear.py:Net: NotImplementedError: Net has no forward, so it cannot be called"),
])
def test_what_is_wrong_in_forward_is_said_in_one_sentence_before_the_training(error_of, method, message):
    Path("linear.py").write_text(f"{FORWARD}    {method}\n")  # a file of nnlite has this name, too
    assert error_of("train", "--model", "linear.py:Net", "--out", "m.npz").startswith(message)


def test_a_file_that_no_longer_fits_its_weights_names_its_line(result_of, error_of):
    Path("net.py").write_text(f"{FORWARD}    def forward(self, x): return self.fc(F.flatten(x, 1))\n")
    result_of("train", "--model", "net.py:Net", "--epochs", 0, "--out", "m.npz")
    Path("net.py").write_text(f"{FORWARD}    def forward(self, x): return self.fc(x)\n")
    assert error_of("evaluate", "m.npz", "--model", "net.py:Net").startswith(
        "net.py: line 9: ValueError: m.npz takes other images, the data has (1, 8, 8): linear: x has 8 features, ")


def test_a_mistake_that_only_training_meets_names_its_line(error_of):
    Path("net.py").write_text(f"{FORWARD}    def forward(self, x): return {{False: self.fc(F.flatten(x, 1))}}[self.training]\n")
    assert error_of("train", "--model", "net.py:Net", "--out", "m.npz") == "net.py: line 9: KeyError: True"


@pytest.mark.parametrize("source", ["my_net", "my_net.py", "my_net.py:", "my_net.py:a b", "my_net.txt:Net", ":Net"])
def test_what_names_no_class_is_refused_before_anything_is_read(error_of, source):
    assert f"a class in a Python file, as in my_net.py:Net, got '{source}'" in error_of("train", "--model", source)
    assert "argument --model: has to be a class in a Python file" in error_of("evaluate", "m.npz", "--model", source)
    assert not is_own_model(source)


def test_only_what_the_parameters_name_is_given():
    model = build_own("nets/my_net.py:listed", {"in_channels": 1, "image_size": 4, "classes": 2, "width": 0.1, "seed": 3})
    assert model.architecture["arguments"]["given"] == {"in_channels": 1, "image_size": 4, "classes": 2}


def test_a_file_may_have_dataclasses_whose_annotations_are_text():
    assert build_own("annotated.py:net", {"in_features": 4, "classes": 2})(np.zeros((1, 4), np.float32)).shape == (1, 2)


def test_distil_knows_its_two_models():
    arguments = build_parser().parse_args(["distill", "t.npz", "--teacher-model", "a.py:A", "--model", "b.py:B"])
    assert (arguments.teacher_model, arguments.model) == ("a.py:A", "b.py:B")
