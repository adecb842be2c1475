"""An assignment: a TOML file, the library's files that it needs, and functions of Python sources with their bodies emptied."""

import ast
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[1]
PACKAGES = {"nnlite": REPO, "nncompress": REPO / "compression", "nntransfer": REPO / "transfer"}
DEFAULTS = {"without_code": [], "shared": [], "data": [], "needs": ["numpy"], "environment": {}, "seconds": 10,
            "megabytes": 1024}


def names():
    """The names of all assignments."""
    return sorted(path.stem for path in HERE.glob("*.toml"))


def assignment(name):
    """The assignment `name` as a dict: what its TOML file says, its defaults, and `hole_files`.

    holes       [[module, function or Class.method], …]; the module `variation` is the assignment's own solution.py
    files       the library's files that a handout has; without_code: those that it has with their docstring only
    shared      the files of the folder `shared` that scenarios.py imports, without their .py
    data        the files of numbers that the tests read, without their .npz; data/NAME.py makes data/NAME.npz
    module      the module that the tests talk to: the assignment's scenarios.py where it has one, else that of the first hole
    needs       packages from PyPI that the student's code needs; environment: variables that it runs with
    seconds, megabytes    limits of one item
    """
    path = HERE / f"{name}.toml"
    if not path.exists():
        sys.exit(f"course: there is no assignment {name}; there are {', '.join(names())}")
    spec = DEFAULTS | tomllib.loads(path.read_text(encoding="utf-8"))
    spec["name"], spec["holes"] = name, [hole.split(":") for hole in spec["holes"]]
    spec["hole_files"] = sorted({file_of(module) for module, _ in spec["holes"]})
    spec["files"] = sorted({*spec["files"], *spec["hole_files"]})
    spec["module"] = "scenarios" if (HERE / name / "scenarios.py").exists() else spec["holes"][0][0]
    return spec


def file_of(module):
    """nncompress.quantization.affine -> nncompress/quantization/affine.py"""
    return module.replace(".", "/") + ".py"


def holes_in(spec, relative):
    """The functions of this file that the student writes."""
    return [function for module, function in spec["holes"] if file_of(module) == relative]


def original(spec, relative):
    """Where the library, or the assignment for its variation, has this file."""
    if relative == "variation.py":
        return HERE / spec["name"] / "solution.py"
    return PACKAGES[relative.split("/")[0]] / relative


def find(tree, qualified):
    """The function or method `Class.method` of a parsed file."""
    for part in qualified.split("."):
        tree = next((n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == part), None)
        if tree is None:
            sys.exit(f"course: there is no {qualified} in the library")
    return tree


def emptied(source, functions, label):
    """The source with these functions' bodies replaced by a NotImplementedError; signatures and docstrings stay.

    A method without a docstring of its own is described by its class.
    """
    lines, tree = source.splitlines(), ast.parse(source)
    for name in sorted(functions, key=lambda name: -find(tree, name).lineno):  # the last one first: line numbers stay right
        function = find(tree, name)
        own = ast.get_docstring(function) is not None
        if not own and ("." not in name or ast.get_docstring(find(tree, name.rpartition(".")[0])) is None):
            sys.exit(f"course: {name} has no docstring, and the docstring is the task")
        body = function.body[own:]
        if not body:
            sys.exit(f"course: {name} has no body to empty")
        first = function.body[0].end_lineno if own else body[0].lineno - 1
        lines[first : body[-1].end_lineno] = [f'{" " * body[0].col_offset}raise NotImplementedError("{label}: {name}")']
    return "\n".join(lines) + "\n"
