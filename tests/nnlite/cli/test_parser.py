import ast
import shlex
import subprocess
import sys

import pytest

import nnlite
from nnlite import data, models
from nnlite.cli.choices import DATA, MODELS, STRATEGIES
from nnlite.cli.parser import build_parser
from nntransfer import finetune

COMMANDS = ["demo", "train", "prune", "quantize", "distill", "finetune", "transfer", "fuse", "compress", "evaluate", "predict",
            "inspect", "import", "export", "report", "bench"]


def help_of(run, *command):
    code, out, err = run(*command, "--help")
    assert (code, err) == (0, "")
    return out


def test_the_help_of_the_program_names_every_command(run):
    out = help_of(run)
    assert [line.split()[0] for line in out.splitlines() if line.startswith("    ") and line[4] != " "] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_ends_with_examples_that_it_understands(run, command, monkeypatch, tmp_path):
    (tmp_path / "shapes").mkdir()  # the folder that some examples name
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "60")  # an example is not broken, so that it can be copied
    lines = help_of(run, command).splitlines()
    examples = [line for line in lines if line.startswith("Example:  ")]
    assert examples and lines[-len(examples) :] == examples
    for example in examples:
        assert example.startswith(f"Example:  nnlite {command} ") or example == f"Example:  nnlite {command}"
        assert build_parser().parse_args(shlex.split(example)[2:]).command == command


def test_the_version_is_printed(run):
    assert run("--version") == (0, f"nnlite {nnlite.__version__}\n", "")


def test_help_imports_nothing_heavy():
    program = f"""if True:
        import sys
        from nnlite.cli import main
        for command in [[], *([name] for name in {COMMANDS})]:
            try:
                main([*command, "--help"])
            except SystemExit as end:
                assert end.code == 0
        print(sorted({{name.partition(".")[0] for name in sys.modules}}))
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    loaded = ast.literal_eval(done.stdout.splitlines()[-1])
    assert "nnlite" in loaded and not {"numpy", "numba", "matplotlib", "tqdm", "nncompress", "nntransfer"} & set(loaded)


def test_the_choices_are_the_models_and_data_sets_that_there_are():
    assert DATA == data.NAMES and list(STRATEGIES) == list(finetune.STRATEGIES)
    assert all(callable(getattr(models, name.replace("-", "_"))) for name in MODELS)


# ---- bad input


@pytest.mark.parametrize("line, message", [
    ("", "the following arguments are required: COMMAND (see nnlite --help)"),
    ("frobnicate", "argument COMMAND: invalid choice: 'frobnicate'"),
    ("train --frob", "unrecognized arguments: --frob"),
    ("train extra", "unrecognized arguments: extra"),
    ("evaluate", "the following arguments are required: FILE (see nnlite evaluate --help)"),
    ("train --model vgg", "argument --model: has to be one of cnn, mlp, lenet-300-100, lenet-5, resnet, or a class in a "
                          "Python file, as in my_net.py:Net, got 'vgg'"),
    ("train --data svhn", "argument --data: has to be one of digits, mnist, fashion-mnist, cifar10, or a .npz file, a .csv "
                          "file or a folder, got 'svhn'"),
    ("train --epochs -1", "argument --epochs: has to be a whole number, 0 or more, got -1 (see nnlite train --help)"),
    ("train --epochs 1.5", "argument --epochs: has to be a whole number, 0 or more, got 1.5"),
    ("train --epochs", "argument --epochs: expected one argument"),
    ("train --batch-size 0", "argument --batch-size: has to be a whole number, 1 or more, got 0"),
    ("train --seed -1", "argument --seed: has to be a whole number, 0 or more, got -1"),
    ("train --lr 0", "argument --lr: has to be a number above 0, got 0"),
    ("train --lr -0.1", "argument --lr: has to be a number above 0, got -0.1"),
    ("train --lr nan", "argument --lr: has to be a number above 0, got nan"),
    ("train --lr inf", "argument --lr: has to be a number above 0, got inf"),
    ("train --lr fast", "argument --lr: has to be a number above 0, got fast"),
    ("train --width 0", "argument --width: has to be a number above 0, got 0"),
    ("train --classes 1,1", "argument --classes: has to be two or more different classes, got 1,1"),
    ("train --classes 7", "argument --classes: has to be two or more different classes, got 7"),
    ("train --classes 1,b", "argument --classes: has to be class numbers with commas between, as in 5,6,7, got 1,b"),
    ("prune f --sparsity 1.5", "argument --sparsity: has to be a number from 0 to 1, got 1.5"),
    ("prune f --sparsity -0.1", "argument --sparsity: has to be a number from 0 to 1, got -0.1"),
    ("prune f --sparsity nan", "argument --sparsity: has to be a number from 0 to 1, got nan"),
    ("prune f --sparsity abc", "argument --sparsity: has to be a number from 0 to 1, got abc"),
    ("prune f --filters 2", "argument --filters: has to be a number from 0 to 1, got 2"),
    ("prune f --sparsity 0.5 --filters 0.5", "argument --filters: not allowed with argument --sparsity"),
    ("quantize f --bits 1", "argument --bits: has to be a whole number, from 2 to 8, got 1"),
    ("quantize f --bits 9", "argument --bits: has to be a whole number, from 2 to 8, got 9"),
    ("quantize f --bits 3.5", "argument --bits: has to be a whole number, from 2 to 8, got 3.5"),
    ("quantize f --law exact", "argument --law: invalid choice: 'exact'"),
    ("distill f --temperature 0", "argument --temperature: has to be a number from 0.001 to 1000, got 0"),
    ("distill f --temperature 1e300", "argument --temperature: has to be a number from 0.001 to 1000, got 1e300"),
    (f"train --epochs {'9' * 400}", f"argument --epochs: has to be a whole number, at most 1000000000, got {'9' * 40} (see"),
    (f"train --epochs {'9' * 5000}", f"argument --epochs: has to be a whole number, at most 1000000000, got {'9' * 40} (see"),
    (f"train --seed {'9' * 400}", "argument --seed: has to be a whole number, at most 18446744073709551615, got 999"),
    ("evaluate f --seed 1", "unrecognized arguments: --seed 1"),
    ("report f --seed 1", "unrecognized arguments: --seed 1"),
    ("distill f --alpha 2", "argument --alpha: has to be a number from 0 to 1, got 2"),
    ("finetune f --labels-per-class 0", "argument --labels-per-class: has to be a whole number, 1 or more, got 0"),
    ("finetune f --strategy some", "argument --strategy: invalid choice: 'some'"),
    ("bench --seconds 0", "argument --seconds: has to be a number above 0, got 0"),
])
def test_an_option_that_makes_no_sense_is_named_in_one_line(error_of, line, message):
    assert error_of(*shlex.split(line)).startswith(message)
