import io
import os
import shutil
import subprocess
import sys

import pytest

from nnlite.cli import main


def printed(monkeypatch, encoding, *line):
    """What a command prints on a terminal of this encoding, which does not print what it does not know."""
    stdout = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stdout)
    assert main([*map(str, line)]) == 0
    assert stdout.errors == "strict"  # as before
    stdout.flush()
    return stdout.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk", "cp932"])
def test_what_a_terminal_cannot_print_is_replaced(trained, monkeypatch, encoding):
    whole = printed(monkeypatch, "utf-8", "inspect", trained.with_suffix(".nnz"))
    assert printed(monkeypatch, encoding, "inspect", trained.with_suffix(".nnz")) == (
        whole.encode(encoding, "replace").decode(encoding))
    assert "µs per image" in printed(monkeypatch, "utf-8", "evaluate", trained)
    line = printed(monkeypatch, encoding, "evaluate", trained).splitlines()[-1]
    assert line.endswith("µs per image" if encoding == "latin-1" else "?s per image")


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names of any bytes")
def test_names_of_files_are_any_bytes(trained, monkeypatch, tmp_path):
    name = os.fsdecode(b"$caf\xe9 $1.npz")
    shutil.copy(trained, tmp_path / name)
    assert printed(monkeypatch, "utf-8", "evaluate", tmp_path / name).startswith(f"{tmp_path}/$caf? $1.npz on digits: ")
    out = tmp_path / os.fsdecode(b"\xff.html")
    assert printed(monkeypatch, "utf-8", "report", tmp_path / name, trained, "--out", out).startswith(f"{tmp_path}/?.html: ")
    assert "$caf? $1.npz</h2>" in out.read_text(encoding="utf-8")


COMMAND = """
import nnlite.cli.inspect, os, signal, sys, time, warnings, weakref

class Something:
    pass

def run(arguments):
    {body}
    return {{}}, "ended"

nnlite.cli.inspect.run = run
{before}
raise SystemExit(nnlite.cli.main(["inspect", "a.nnz"]))
"""


def program(*body, before=""):
    program = COMMAND.format(body="\n    ".join(body), before=before)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)


def test_a_warning_is_one_line():
    done = program("warnings.warn('the cache is full', RuntimeWarning)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "nnlite: warning: the cache is full\n")


@pytest.mark.parametrize("lost", ["weakref.ref(something, lambda _: signal.raise_signal(signal.SIGINT)); del something",
                                  "something.__class__.__del__ = lambda _: signal.raise_signal(signal.SIGINT); del something"])
def test_an_interrupt_that_python_drops_ends_the_program_a_second_later(lost):
    done = program("something = Something()", "kept = " + lost if lost.startswith("weakref") else lost,
                   "print('dropped', flush=True)", "time.sleep(30)")
    assert (done.returncode, done.stdout) == (2, "dropped\n")
    assert "nnlite: error: interrupted; files that were written before are whole\n" in done.stderr


def test_an_interrupt_that_is_not_dropped_ends_the_program_at_once():
    done = program("signal.raise_signal(signal.SIGINT)", "print('not reached')")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "nnlite: error: interrupted; files that were written before are whole\n"


def test_an_interrupt_that_the_caller_ignores_is_ignored():
    done = program("signal.raise_signal(signal.SIGINT)", before="signal.signal(signal.SIGINT, signal.SIG_IGN)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")
