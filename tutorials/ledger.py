"""The ledger: every formula with its function, its test and its source, and a perturbation of each that its test must catch.

    python tutorials/ledger.py                write LEDGER.md
    python tutorials/ledger.py --check        fail where a formula has no source or no test, or LEDGER.md is not up to date
    python tutorials/ledger.py --perturb      apply every recorded perturbation to a copy and see its test fail
    python tutorials/ledger.py --perturb 20   twenty of them, others each day

Formulas are read off the docstrings of public functions and classes: an equation in an indented line, or in the first
line. Perturbations stand in ledger/*.toml: the formula's function, one expression of its source (`old`), a wrong one (`new`),
and the test that has to fail.
"""

import argparse
import ast
import datetime
import difflib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from compileall import compile_dir
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from py_compile import PycInvalidationMode
from queue import Queue
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
REPO = HERE.parent
PACKAGES = {"nnlite": REPO, "nncompress": REPO / "compression", "nntransfer": REPO / "transfer"}
ROOMS = ("nnlite/functional", "nnlite/optim", "nnlite/kernels/loops", "nnlite/inference", "nnlite/nn/container",
         "nnlite/data/transforms", "nnlite/train", "nncompress", "nntransfer")  # packages and files
EQUATION = re.compile(r"\S+ (?:=|←|≈|≤|≥|\+=) \S")
CODE = re.compile(r"^    .*:\n(    .*\n)+", re.MULTILINE)  # an indented block that begins like `with tap(…) as features:`
INTRODUCTION = """# Ledger

Every formula of the project: the function that computes it, the test that executes it, a small change of the source that this
test was seen to catch, and where the formula comes from. `python tutorials/ledger.py` writes this page from docstrings and
`tutorials/ledger/*.toml`; `python tutorials/ledger.py --perturb` tries every change.

Layers of `nnlite/nn` repeat the formula of the function that they call, and `nnlite/kernels/fast` computes what
`nnlite/kernels/loops` computes: their tests compare the two. Neither is listed again."""
WORKERS = 2  # perturbations that are tried at a time
PLAIN = ("tests/nnlite/kernels/", "tests/nnlite/optim/", "tests/nncompress/coding/")  # tests of what Numba would compile anew


class Formula(NamedTuple):
    """A public function or class whose docstring has an equation."""

    name: str  # nnlite.functional.linear:Linear
    file: Path
    line: int
    equations: tuple
    source: str


class Perturbation(NamedTuple):
    """One expression of a formula's source made wrong, and the test that has to notice."""

    formula: str
    name: str
    old: str
    new: str
    test: str
    file: str = ""  # where `old` stands, relative to the package, if not in the formula's own file


def formulas():
    """Every formula of the project, in the order of ROOMS, files and lines."""
    found = []
    for room in ROOMS:
        base = PACKAGES[room.split("/")[0]]
        for path in sorted((base / room).rglob("*.py")) or [base / f"{room}.py"]:
            module = ".".join(path.relative_to(base).with_suffix("").parts)
            found += formulas_in(path, module)
    return found


def formulas_in(path, module):
    """The formulas of one file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = {node.name.lower() for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if isinstance(node, ast.FunctionDef) and node.name.replace("_", "") in classes:
            continue  # it records the operation whose class has the formula
        docstring = docstring_of(node)
        equations = equations_in(docstring)
        if equations:
            source = source_in(docstring) or source_in(docstring_of(tree))
            yield Formula(f"{module}:{node.name}", path, node.lineno, equations, source)


def docstring_of(node):
    """A docstring without its own indentation, but with that of its formulas, also where they alone follow the first line."""
    docstring = ast.get_docstring(node, clean=False) or ""
    return docstring.replace("\n" + " " * node.body[0].col_offset, "\n")


def source_in(docstring):
    """What stands after "Source:", up to the end of its paragraph; that of a file's docstring serves all its formulas."""
    found = re.search(r"Sources?: (.*(?:\n\S.*)*)", docstring)
    return " ".join(found[1].split()) if found else ""


def equations_in(docstring):
    """The equations: the first line, if there is one in it, and the indented lines; a block of code has none."""
    lines = CODE.sub("", docstring.partition("Errors:")[0]).splitlines()
    indented = [line.strip() for line in lines[1:] if line.startswith("    ") and not line.strip().startswith(">>>")]
    lines = [line.partition("Source:")[0].strip() for line in [*lines[:1], *indented]]
    return tuple(line for line in lines if EQUATION.search(line))


def perturbations():
    """Everything recorded in ledger/*.toml."""
    return [Perturbation(**entry) for path in sorted((HERE / "ledger").glob("*.toml"))
            for entry in tomllib.loads(path.read_text(encoding="utf-8"))["perturbation"]]


def source_of(perturbation):
    """The file, relative to the repository, that a perturbation changes."""
    relative = perturbation.file or perturbation.formula.split(":")[0].replace(".", "/") + ".py"
    return (PACKAGES[relative.split("/")[0]] / relative).relative_to(REPO)


def faults(entries, recorded):
    """What is missing or wrong, in sentences."""
    names = {entry.name for entry in entries}
    tested = {p.formula for p in recorded}
    for entry in entries:
        where = f"{entry.file.relative_to(REPO)}:{entry.line}"
        if not entry.source:
            yield f"{where}: {entry.name} has a formula and no source"
        if entry.name not in tested:
            yield f"{where}: {entry.name} has a formula and no perturbation that a test catches"
    for p in recorded:
        if p.formula not in names:
            yield f"{p.formula} has a perturbation, {p.name!r}, and is no formula"
            continue
        count = (REPO / source_of(p)).read_text(encoding="utf-8").count(p.old)
        if count != 1:
            yield f"{p.formula}, {p.name!r}: `old` stands {count} times in {source_of(p)}, once is needed"
        path, _, test = p.test.partition("::")
        file = REPO / path
        if not file.exists() or f"def {test.split('[')[0].split('::')[-1]}(" not in file.read_text(encoding="utf-8"):
            yield f"{p.formula}, {p.name!r}: there is no test {p.test}"


def page(entries, recorded):
    """LEDGER.md."""
    by_formula = {}
    for p in recorded:
        by_formula.setdefault(p.formula, []).append(p)
    lines = [INTRODUCTION]
    for room in ROOMS:
        rows = [entry for entry in entries if entry.name.replace(".", "/").startswith(room)]
        lines += ["", f"## {room}", "", "| formula | function | test | caught | source |", "|---|---|---|---|---|"]
        lines += [row(entry, by_formula.get(entry.name, [])) for entry in rows]
    return "\n".join(lines) + "\n"


def parts_of(equation):
    """An equation's formulas and remarks, which stand side by side, without the shapes that follow ":  " or "->"."""
    parts = re.split(r" {3,}", re.split(r": {2}| -> ", equation.replace("`", ""))[0])
    return [f"`{part.rstrip(',;.')}`" if EQUATION.search(part) else part for part in parts]


def sentence(test):
    """What a test's name says: tests/x.py::test_a_sum_is_exact[1] -> a sum is exact [1]."""
    name, bracket, case = test.partition("::test_")[2].partition("[")
    return name.replace("_", " ") + (f" [{case}" if bracket else "")


def row(entry, tried):
    """One line of the table."""
    path = entry.file.relative_to(REPO)
    function = f"`{entry.name.split(':')[1]}`<br>[{path.name}:{entry.line}](../{path}#L{entry.line})"
    tests = "<br>".join(dict.fromkeys(f"[{sentence(p.test)}](../{p.test.partition('::')[0]})" for p in tried))
    equations = "<br>".join(part for equation in entry.equations for part in parts_of(equation))
    cells = [equations, function, tests, "<br>".join(p.name for p in tried), entry.source[:1].upper() + entry.source[1:]]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


class Copy:
    """A copy of the project in which one expression at a time is made wrong."""

    def __init__(self, folder):
        self.root = Path(folder) / "copy"
        for name in ("nnlite", "compression", "transfer", "tests"):
            shutil.copytree(REPO / name, self.root / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(REPO / "pyproject.toml", self.root)
        # Python tells by the source's hash, and not by the second of the last change, whether a file has to be compiled anew.
        compile_dir(self.root, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)

    def tried(self, perturbation):
        """What the perturbation's test makes of it: "caught", "NOT CAUGHT", or "skipped" where a package is missing."""
        source = self.root / source_of(perturbation)
        right = source.read_text(encoding="utf-8")
        source.write_text(right.replace(perturbation.old, perturbation.new), encoding="utf-8")
        try:
            cache = self.root.parent / "cache" if "njit" in right or "kernels" in source.parts else None
            done = self.run([perturbation.test], as_it_stands(perturbation), cache)
            if done.returncode == 0 and "1 skipped in" in done.stdout:
                return "skipped"
            caught = done.returncode == 1 and "NameError" not in done.stdout  # a wrong name is no mistake in a formula
            return "caught" if caught else "NOT CAUGHT"
        finally:
            source.write_text(right, encoding="utf-8")

    def run(self, tests, plain, cache=None):
        """pytest on some tests. plain: without Numba and the fast kernels. cache: where compiled kernels go."""
        packages = [str(self.root), str(self.root / "compression"), str(self.root / "transfer")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(packages)}
        environment |= {"XDG_CACHE_HOME": str(cache)} if cache else {}
        if plain:
            environment |= {"NNLITE_KERNELS": "loops", "NUMBA_DISABLE_JIT": "1"}
        command = [sys.executable, "-m", "pytest", "-q", "-x", "--assert=plain", "-p", "no:cacheprovider", *tests]
        return subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True)


def as_it_stands(perturbation):
    """Whether the test runs without Numba: a test of the kernels' loops, of optimizers or of coding."""
    return perturbation.test.startswith(PLAIN)


def try_all(recorded, count):
    """Try perturbations, all or `count` of them, drawn by the day -> what went wrong, in sentences."""
    chosen = recorded
    if count is not None:
        chosen = random.Random(datetime.date.today().toordinal()).sample(recorded, min(count, len(recorded)))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        copies = Queue()
        for copy in pool.map(Copy, [Path(folder) / str(i) for i in range(WORKERS)]):
            copies.put(copy)
        wrong = pass_as_they_are(chosen, copy)
        if wrong:
            return wrong

        def try_out(p):
            copy = copies.get()
            try:
                return copy.tried(p)
            finally:
                copies.put(copy)

        results = []
        for p, result in zip(chosen, pool.map(try_out, chosen), strict=True):
            print(f"{result:10}  {p.formula}: {p.name}", flush=True)
            results.append(result)
            wrong += [f"{p.formula}, {p.name!r}: not caught by {p.test}"] if result == "NOT CAUGHT" else []
    print(f"{results.count('caught')} of {len(chosen)} perturbations caught, {results.count('skipped')} skipped")
    return wrong


def pass_as_they_are(chosen, copy):
    """A test that fails on the unchanged source catches nothing: what pytest says of such tests."""
    wrong = []
    for plain in (False, True):
        tests = sorted({p.test for p in chosen if as_it_stands(p) == plain})
        if tests:
            done = copy.run(tests, plain)
            wrong += [] if done.returncode == 0 else [f"tests fail without any perturbation:\n{done.stdout}{done.stderr}"]
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where something is missing or out of date")
    parser.add_argument("--perturb", nargs="?", type=int, const=-1, metavar="N", help="try N perturbations, or all")
    parser.add_argument("--only", default="", metavar="TEXT", help="with --perturb: those whose formula contains TEXT")
    args = parser.parse_args()
    entries, recorded = formulas(), perturbations()
    if args.perturb is not None:
        recorded = [p for p in recorded if args.only in p.formula]
        wrong = try_all(recorded, None if args.perturb < 0 else args.perturb)
    else:
        wrong, text, target = list(faults(entries, recorded)), page(entries, recorded), HERE / "LEDGER.md"
        if args.check:
            old = target.read_text(encoding="utf-8") if target.exists() else ""
            wrong += difflib.unified_diff(old.splitlines(), text.splitlines(), "LEDGER.md", "what the sources give",
                                          lineterm="", n=0)
        else:
            target.write_text(text, encoding="utf-8")
    print("\n".join(wrong) or f"{len(entries)} formulas, {len(recorded)} perturbations: all is well")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
