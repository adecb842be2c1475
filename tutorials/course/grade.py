"""Grading: the submission's files with holes in a fresh tree, each test against a process that runs the student's code."""

import re
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

import checking
import numpy as np
from assignment import HERE, PACKAGES
from handout import handout
from student import Student, dependencies

LARGEST_FILE = 1 << 20
LARGEST_ZIP = 64 << 20


def grade(spec, submission, seed, only=None):
    """Run the assignment's tests on a submission -> rows (item, points got, what went wrong or ""), remarks for the teacher.

    submission: the student's folder.   seed: of the random numbers in the tests.   only: the tests to run; all by default.
    """
    tests = {f"{kind}:{name}": function for kind in ("visible", "hidden")
             for name, function in checking.tests_of(HERE / spec["name"] / f"{kind}.py").items()}
    rows, remarks = [], []
    with dependencies(spec["needs"]) as packages:
        for number, item in enumerate(spec["items"]):
            if only is None or item["test"] in only:
                with tempfile.TemporaryDirectory() as folder:  # a new one: the last student process may have changed the old
                    remarks = lay_out(spec, submission, Path(folder) / "tree")
                    wrong = run_test(tests[item["test"]], spec, Path(folder) / "tree", packages, [seed, number])
                rows.append((item, 0 if wrong else item["points"], wrong))
    return rows, remarks


def run_test(test, spec, tree, packages, seed):
    """What went wrong in a test of the student's code, in a line; "" if nothing did."""
    student = Student(spec, tree, packages)
    try:
        test(student, np.random.default_rng(seed))
        return ""
    except Exception as error:  # a test may stumble over anything that a student's code returns
        kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        return (f"{kind}{error}".splitlines() or [type(error).__name__])[0][:200]
    finally:
        student.close()


def lay_out(spec, submission, tree):
    """A fresh tree with the submission's files in place of those with holes -> what else the submission changed."""
    pristine(spec, tree)
    remarks = []
    for path in sorted(p for p in tree.rglob("*") if p.is_file() and str(p.relative_to(tree)) not in spec["hole_files"]):
        theirs = submission / path.relative_to(tree)
        if theirs.is_file() and theirs.read_bytes() != path.read_bytes():
            remarks.append(f"{path.relative_to(tree)} was changed; the grader uses its own")
    for relative in spec["hole_files"]:
        theirs = submission / relative
        if theirs.resolve() != submission.resolve() / relative or not theirs.is_file() or theirs.stat().st_size > LARGEST_FILE:
            remarks.append(f"{relative} is missing, a link, or larger than 1 MB: it counts as not written")
            continue
        if more := reaches_for(theirs.read_text(errors="replace")) - reaches_for((tree / relative).read_text(encoding="utf-8")):
            remarks.append(f"{relative} uses {', '.join(sorted(more))}: look at why")
        shutil.copyfile(theirs, tree / relative)
    return remarks


def pristine(spec, tree):
    """The assignment as it is handed out: from the library, or, in an autograder's zip, from the copy that is there."""
    packed = HERE / "pristine" / spec["name"]
    if packed.is_dir():
        shutil.copytree(packed, tree)
    else:
        handout(spec, tree)


def reaches_for(source):
    """The packages that a source imports, and the names in it that can import or open files."""
    found = re.findall(r"(?m)(?:^|[;:])[ \t]*import[ \t]+([\w., \t]+)|(?:^|[;:])[ \t]*from[ \t]+(\w+)"
                       r"|\b(__import__|importlib|exec|eval|open|compile)\b", source)
    return {re.match(r"\s*(\w*)", word)[1] for several, *one in found for word in (*several.split(","), *one)} - {""}


def unpacked(submission, folder):
    """A submission as a folder: itself, or what a zip file holds, one enclosing folder taken off."""
    if submission.is_dir():
        return submission
    if not zipfile.is_zipfile(submission):
        sys.exit(f"course: {submission} is neither a folder nor a zip file")
    with zipfile.ZipFile(submission) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST_ZIP:
            sys.exit(f"course: {submission} would unpack to more than {LARGEST_ZIP >> 20} MB")
        archive.extractall(folder)  # zipfile keeps names inside the folder
    inside = [path for path in folder.iterdir() if path.name != "__MACOSX"]
    enclosing = len(inside) == 1 and inside[0].is_dir() and inside[0].name not in PACKAGES
    return inside[0] if enclosing else folder


def table(rows, remarks):
    """The result in lines: points of each item, what went wrong first, the sum, the remarks."""
    lines = [f"{got:3d}/{item['points']}  {item['name']}" + (f": {wrong}" if wrong else "") for item, got, wrong in rows]
    total = f"{sum(got for _, got, _ in rows):3d}/{sum(item['points'] for item, _, _ in rows)}  in all"
    return "\n".join([*lines, total, *(f"note: {remark}" for remark in remarks)])


def gradescope(rows, remarks, seconds):
    """The result as Gradescope's results.json has it."""
    tests = [{"name": item["name"], "number": str(number), "score": got, "max_score": item["points"],
              "output": wrong or "passed", "status": "failed" if wrong else "passed",
              "visibility": "visible" if item["test"].startswith("visible") else "after_published"}
             for number, (item, got, wrong) in enumerate(rows, 1)]
    return {"score": sum(test["score"] for test in tests), "execution_time": round(seconds, 1),
            "output": "\n".join(remarks) or "nothing else was changed", "tests": tests}
