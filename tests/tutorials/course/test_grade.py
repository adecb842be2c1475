import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

COURSE = Path(__file__).parents[3] / "tutorials" / "course"
QUANTIZE, CLAMP = "visible:clamp_then_cast", "clamp, then cast"
HOLE = 'raise NotImplementedError("hw07: quantize_affine")'


@pytest.fixture(scope="module", autouse=True)
def course():
    """The course's tools import each other by their plain names, as a script's neighbours do."""
    before = list(sys.path)
    sys.path.insert(0, str(COURSE))
    yield
    sys.path[:] = before


@pytest.fixture(scope="module")
def spec(course):
    from assignment import assignment

    return assignment("hw07_affine") | {"seconds": 3}


@pytest.fixture
def submission(spec, tmp_path):
    from handout import handout

    handout(spec, tmp_path / "handout")
    return tmp_path / "handout"


def affine(folder):
    return folder / "nncompress" / "quantization" / "affine.py"


def solve(spec, folder):
    from assignment import original

    affine(folder).write_text(original(spec, "nncompress/quantization/affine.py").read_text())


def graded(spec, folder, only=(QUANTIZE,)):
    from grade import grade

    rows, remarks = grade(spec, folder, 0, only=only)
    return {item["name"]: (got, wrong) for item, got, wrong in rows}, remarks


def with_quantize(folder, code):
    source = affine(folder).read_text()
    assert source.count(HOLE) == 1
    affine(folder).write_text(source.replace(HOLE, code))


def test_an_untouched_handout_scores_nothing_and_the_reference_all(spec, submission):
    rows, remarks = graded(spec, submission, only=None)
    assert {got for got, _ in rows.values()} == {0} and remarks == []
    solve(spec, submission)
    rows, remarks = graded(spec, submission, only=None)
    assert [wrong for _, wrong in rows.values() if wrong] == [] and remarks == []


@pytest.mark.parametrize("code, said", [
    ("while True: pass", "no answer within 3 seconds"),
    ("import os; os._exit(0)", "the process ended without an answer"),
    ("raise SystemExit('bye')", "SystemExit: bye"),
    ("hog = np.ones(10**10)", "MemoryError"),
    ("import shutil, os; shutil.rmtree(os.getcwd()); return np.zeros(3)", "index (0,): got 0.0, expected -9"),
    ("print('{\"result\": 1}'); return np.zeros(2)", "shape (2,), expected (3,)"),
    ("return object()", "TypeError: object is neither a number nor an array of numbers"),
    ("return 'all right'", "shape (), expected (3,)"),
])
def test_hostile_code_costs_its_item_and_says_why(spec, submission, code, said):
    with_quantize(submission, code)
    rows, _ = graded(spec, submission)
    got, wrong = rows[CLAMP]
    assert got == 0 and said in wrong


def test_the_rest_is_still_graded_after_an_endless_loop(spec, submission):
    from assignment import emptied, original

    source = original(spec, "nncompress/quantization/affine.py").read_text()
    affine(submission).write_text(emptied(source, ["quantize_affine"], "hw07").replace(HOLE, "while True: pass"))
    rows, _ = graded(spec, submission, only=(QUANTIZE, "visible:ranges_by_hand"))
    assert rows[CLAMP][0] == 0 and rows["scale and zero point of ranges worked by hand"] == (2, "")


def test_a_submission_that_looks_for_an_installed_library_finds_none_and_is_reported(spec, submission):
    affine(submission).write_text("import nnlite\nfrom importlib import import_module\n" + affine(submission).read_text())
    rows, remarks = graded(spec, submission)
    assert rows[CLAMP][0] == 0 and "No module named 'nnlite'" in rows[CLAMP][1]
    assert remarks == ["nncompress/quantization/affine.py uses importlib, nnlite: look at why"]


def test_each_name_of_an_import_is_reported_wherever_it_stands():
    from grade import reaches_for

    assert reaches_for("import numpy as np, os.path, sys\nif x: import site; from glob import glob\nimports = open") == {
        "numpy", "os", "sys", "site", "glob", "open"}
    assert reaches_for("    from shutil import a, b\nreimport = 1") == {"shutil"}


def test_a_folder_that_is_a_link_counts_as_not_written(spec, submission, tmp_path):
    solve(spec, submission)
    (submission / "nncompress").rename(tmp_path / "elsewhere")
    (submission / "nncompress").symlink_to(tmp_path / "elsewhere")
    rows, remarks = graded(spec, submission)
    assert rows[CLAMP][0] == 0
    assert "nncompress/quantization/affine.py is missing, a link, or larger than 1 MB: it counts as not written" in remarks


def test_changed_tests_and_other_files_are_not_used_and_are_named(spec, submission):
    (submission / "tests" / "visible.py").write_text("def clamp_then_cast(affine, rng): pass\n")
    rows, remarks = graded(spec, submission)
    assert rows[CLAMP][0] == 0 and remarks == ["tests/visible.py was changed; the grader uses its own"]


def test_a_message_that_is_worded_differently_costs_nothing(spec, submission):
    solve(spec, submission)
    affine(submission).write_text(affine(submission).read_text().replace("has to be", "ought to be").replace("must", "should"))
    rows, _ = graded(spec, submission, only=("hidden:refusals",))
    assert [wrong for _, wrong in rows.values()] == [""]


def test_a_zip_file_is_graded_and_gradescope_gets_its_json(submission, tmp_path):
    with zipfile.ZipFile(tmp_path / "handed_in.zip", "w") as archive:
        for path in submission.rglob("*"):
            archive.write(path, Path("homework") / path.relative_to(submission))
    done = subprocess.run([sys.executable, str(COURSE), "grade", "hw07_affine", str(tmp_path / "handed_in.zip"), "--gradescope",
                           str(tmp_path / "results.json")], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "  0/20  in all" in done.stdout, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["score"] == 0 and len(results["tests"]) == 11 and {t["status"] for t in results["tests"]} == {"failed"}


@pytest.mark.parametrize("name", ["nnlite", "nncompress", "nntransfer"])
def test_a_zip_file_that_holds_a_package_alone_is_taken_as_it_is(name, tmp_path):
    from grade import unpacked

    for enclosing, found in (("", tmp_path / "plain"), ("homework/", tmp_path / "enclosed" / "homework")):
        archive = tmp_path / f"{found.name}.zip"
        with zipfile.ZipFile(archive, "w") as files:
            files.writestr(f"{enclosing}{name}/module.py", "")
        assert unpacked(archive, tmp_path / ("enclosed" if enclosing else "plain")) == found


def test_the_autograders_zip_grades_and_holds_no_solution(spec, submission, tmp_path):
    subprocess.run([sys.executable, str(COURSE), "pack", "hw07_affine", "--out", str(tmp_path / "auto.zip")], check=True)
    with zipfile.ZipFile(tmp_path / "auto.zip") as archive:
        archive.extractall(tmp_path / "auto")
    packed = "".join(path.read_text() for path in (tmp_path / "auto").rglob("*.py"))
    assert packed.count(HOLE) == 1 and "np.clip(q, qmin, qmax)" not in packed
    solve(spec, submission)
    done = subprocess.run([sys.executable, "course", "grade", "hw07_affine", str(submission)], cwd=tmp_path / "auto",
                          capture_output=True, text=True, timeout=300)
    assert " 20/20  in all" in done.stdout, done.stdout + done.stderr
