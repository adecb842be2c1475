import re
import subprocess
import sys
from pathlib import Path

import pytest

COURSE = Path(__file__).parents[3] / "tutorials" / "course"
NAMES = sorted(path.stem for path in COURSE.glob("*.toml"))


def run(*arguments):
    return subprocess.run([sys.executable, str(COURSE), *arguments], capture_output=True, text=True, timeout=300)


def test_the_list_names_every_assignment():
    lines = run("list").stdout.splitlines()
    assert NAMES and [line.split()[0] for line in lines] == NAMES


def test_the_table_of_the_readme_names_every_assignment_and_nothing_else():
    rows = re.findall(r"(?m)^\| \d+ \|.*$", (COURSE / "README.md").read_text(encoding="utf-8"))
    assert sorted(re.findall(r"`(hw\d\d_\w+)`", "\n".join(rows))) == NAMES


def test_the_readme_says_which_handouts_contain_answers_of_others(monkeypatch):
    monkeypatch.syspath_prepend(str(COURSE))
    from assignment import assignment, file_of, original

    specs, found = [assignment(name) for name in NAMES], set()
    for spec in specs:
        holes = [tuple(hole) for hole in spec["holes"]]
        found |= {(spec["name"], other["name"]) for other in specs for module, name in other["holes"]
                  if str(path := file_of(module)) in spec["files"] and original(spec, path) == original(other, path)
                  and (module, name) not in holes}
    rows = re.findall(r"(?m)^\| `(hw\d\d_\w+)` \| (.*) \|$", (COURSE / "README.md").read_text(encoding="utf-8"))
    assert found and found == {(name, other) for name, others in rows for other in re.findall(r"`(\w+)`", others)}


def test_each_file_of_numbers_has_its_script_and_an_assignment_that_reads_it(monkeypatch):
    monkeypatch.syspath_prepend(str(COURSE))
    from assignment import assignment

    files = {path.stem for path in (COURSE / "data").glob("*.npz")}
    assert files == {path.stem for path in (COURSE / "data").glob("*.py")} and not list(COURSE.glob("hw*/*.npz"))
    assert files == {name for spec in map(assignment, NAMES) for name in spec["data"]}
    for spec in map(assignment, NAMES):
        tests = "".join(path.read_text(encoding="utf-8") for path in (COURSE / spec["name"]).glob("*.py"))
        assert set(re.findall(r'stored\("(\w+)"\)', tests)) == set(spec["data"]), spec["name"]


def test_an_unknown_name_is_answered_with_those_there_are():
    done = run("handout", "hw99", "--out", "nowhere")
    assert done.returncode == 1 and "there is no assignment hw99; there are hw" in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_handout_is_ready_to_work_in(name, tmp_path):
    done = run("handout", name, "--out", str(tmp_path / "homework"))
    assert done.returncode == 0, done.stderr
    task = (tmp_path / "homework" / "README.md").read_text()
    assert task.startswith("# ") and "python run_tests.py" in task and "$" not in task.replace("$`", "").replace("`$", "")
    done = subprocess.run([sys.executable, "-I", "run_tests.py"], cwd=tmp_path / "homework", capture_output=True, text=True,
                          timeout=300)
    assert "NotImplementedError" in done.stdout and done.stdout.splitlines()[-1].startswith("0 of "), done.stdout + done.stderr
