"""Running commands in this process, in a directory of their own."""

import contextlib
import io
import json
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from nnlite.cli import main


class Result(NamedTuple):
    code: int
    out: str
    err: str


def files_in(directory):
    """{path: content} of all files below a directory, hidden ones too, but not what Python keeps of an imported file."""
    return {path: path.read_bytes() for path in Path(directory).rglob("*") if path.is_file() and path.suffix != ".pyc"}


@pytest.fixture(autouse=True)
def own_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    """run("train", "--epochs", 1) -> Result, as a shell would see it."""

    def run(*arguments):
        capsys.readouterr()
        try:
            code = main(list(map(str, arguments)))
        except SystemExit as end:  # argparse
            code = end.code
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture
def result_of(run):
    """result_of("train", "--epochs", 1) -> what --json prints: one JSON object on stdout and nothing else anywhere."""

    def result_of(*arguments):
        code, out, err = run(*arguments, "--json")
        assert (code, err) == (0, "")
        assert out.count("\n") == 1 and out.endswith("}\n")
        return json.loads(out)

    return result_of


@pytest.fixture
def error_of(run, tmp_path):
    """error_of("train", "--epochs", -1) -> the one line on stderr; the exit code is 2, and all files are as they were."""

    def error_of(*arguments):
        before = files_in(tmp_path)
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert err.startswith("nnlite: error: ") and err.count("\n") == 1 and err.endswith("\n")
        assert files_in(tmp_path) == before
        return err.removeprefix("nnlite: error: ").rstrip("\n")

    return error_of


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A small network that knows the digits: model.npz, to be read only, with model.nnz beside it."""
    directory = tmp_path_factory.mktemp("trained")
    model = str(directory / "model.npz")
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["train", "--width", "0.5", "--epochs", "8", "--lr", "0.05", "--out", model]) == 0
        assert main(["quantize", model, "--out", str(directory / "model.nnz")]) == 0
    return directory / "model.npz"


@pytest.fixture
def small_mnist(tmp_path):
    """A directory with MNIST's four files, of 40 images each, drawn at random."""
    directory, rng = tmp_path / "mnist", np.random.default_rng(0)
    directory.mkdir()
    for part in ("train", "t10k"):
        write_idx(directory / f"{part}-images-idx3-ubyte", rng.integers(0, 256, (40, 28, 28), np.uint8))
        write_idx(directory / f"{part}-labels-idx1-ubyte", np.arange(40, dtype=np.uint8) % 10)
    return directory


def write_idx(path, array):
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes())
