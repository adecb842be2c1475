"""What the README says works."""

import json
import pkgutil
import re
import runpy
import shlex
import subprocess
from pathlib import Path

import pytest

from nnlite.cli import main
from nnlite.cli.parser import build_parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands():
    """Every `nnlite …` in the README's blocks of shell."""
    lines = [line for block in blocks("sh") for part in block.splitlines() for line in part.split("&&")]
    return [line.strip() for line in lines if re.match(r"\s*(\.venv/bin/)?nnlite ", line)]


def test_the_example_in_python_runs_and_is_right_about_the_digits(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    example, = blocks("python")
    assert len(example.splitlines()) <= 25
    exec(compile(example, "README.md", "exec"), {})
    scores = eval(capsys.readouterr().out.splitlines()[-1])
    assert scores["n"] == 360 and scores["accuracy"] > 0.95
    assert [path.name for path in tmp_path.iterdir()] == ["digits.nnz"]


@pytest.mark.parametrize("command", commands())
def test_every_command_names_options_that_there_are(command):
    build_parser().parse_args(shlex.split(command)[1:])


def test_all_commands_are_named_and_no_others():
    named = {shlex.split(command)[1] for command in commands()} | set(re.findall(r"`(\w+)`", README))
    help_text = build_parser().format_help()
    assert set(re.findall(r"^    (\w+) ", help_text, re.MULTILINE)) <= named


def test_every_link_leads_to_a_file():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_the_c_file_takes_what_the_readme_says(tmp_path, monkeypatch, capsys):
    block, = blocks("console")
    command, *lines, _ = block.splitlines()
    monkeypatch.chdir(tmp_path)
    arguments = [str(ROOT / part) if part.endswith(".nnz") else part for part in shlex.split(command)[2:]]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_the_table_of_times_is_the_one_that_was_recorded():
    table = runpy.run_path(str(ROOT / "tutorials" / "benchmark" / "how_fast.py"))["table"]
    recorded = json.loads((ROOT / "tutorials" / "benchmark" / "results" / "bench.json").read_text(encoding="utf-8"))
    assert table(recorded) in README


def test_continuous_integration_runs_the_command_that_the_readme_gives_for_the_tests():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    finding = re.search(r"command=\$\((.*)\)", script)[1]
    found = subprocess.run(["bash", "-c", finding], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    assert found in [block.strip() for block in blocks("sh")]
    assert found.endswith("-m pytest") and "eval \"$command\"" in script and "ruff check" in script


def test_both_commands_make_their_own_environment():
    own = [block for block in blocks("sh") if ".venv/bin/nnlite demo" in block or "-m pytest" in block]
    assert len(own) == 2 and all(block.startswith("python3 -m venv .venv && .venv/bin/pip install ") for block in own)


CHAPTERS = [ROOT / "compression" / "README.md", ROOT / "transfer" / "README.md"]
ROWS = [pytest.param(chapter.parent, row.strip("| \n").split(" | "), id=row.split(" | ")[0].strip("| "))
        for chapter in CHAPTERS for row in re.findall(r"^\| .*\n", chapter.read_text(encoding="utf-8"), re.MULTILINE)[1:]]


@pytest.mark.parametrize(("folder", "cells"), ROWS)
def test_each_method_of_a_chapter_names_functions_that_there_are_and_a_file_with_tests(folder, cells):
    _, _, function, test, _ = cells
    for names, path in re.findall(r"\[([^]]+)\]\(([^)]+)\)", function):
        source = (folder / path).read_text(encoding="utf-8")
        for name in re.findall(r"`([^`]+)`", names):
            for part in name.split("."):
                assert re.search(rf"^ *(def|class) {part}\b", source, re.MULTILINE), f"{path} has no {part}"
    paths = re.findall(r"\]\(([^)]+)\)", test)
    assert paths, "no test is named"
    for path in paths:
        assert "\ndef test_" in (folder / path).read_text(encoding="utf-8"), path


@pytest.mark.parametrize("folder", [chapter.parent for chapter in CHAPTERS], ids=lambda folder: folder.name)
def test_every_other_name_in_a_chapters_table_is_one_of_the_packages_or_a_file(folder):
    package = {"compression": "nncompress", "transfer": "nntransfer"}[folder.name]
    rows = [row.values[1] for row in ROWS if row.values[0] == folder]
    names = {name for _, _, function, _, source in rows for cell in (function, source)
             for name in re.findall(r"`([^`]+)`", re.sub(r"\[[^]]+\]\([^)]+\)", "", cell))}
    for name in names - {"fit"}:
        places = ROOT / name, folder / name, folder / package / name
        assert any(place.exists() for place in places) or resolves(name, package), name


def resolves(name, package):
    """Whether the dotted name is an attribute of the package, or has its own package's name at the front."""
    for full in (f"{package}.{name}", name):
        try:
            return pkgutil.resolve_name(full) is not None
        except (ImportError, AttributeError, ValueError):
            continue
    return False
