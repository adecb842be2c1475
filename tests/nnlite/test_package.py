import ast
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import nncompress
import nnlite
import nntransfer

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "nnlite": ROOT / "nnlite",
    "nncompress": ROOT / "compression/nncompress",
    "nntransfer": ROOT / "transfer/nntransfer",
}
DISTRIBUTIONS = {"PIL": "pillow"}  # where it has another name than what is imported
EXTRAS = {"nnlite/data/folder.py": {"PIL"}, "nnlite/inference/export.py": {"onnx"},
          "nnlite/foreign/states.py": {"safetensors"},
          "tutorials/benchmark/with_torch.py": {"torch"},
          "tutorials/benchmark/with_onnxruntime.py": {"onnx", "onnxruntime"}}
SOURCES = {package: sorted(path.rglob("*.py")) for package, path in PACKAGES.items()}


def imports(path, below=ast.walk):
    """The dotted names of the modules that a file imports; `below` gives the nodes to look at."""
    names = set()
    for node in below(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; the project writes full names"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def starting_with(names, package):
    return sorted(name for name in names if name == package or name.startswith(package + "."))


def test_the_reader_of_imports_sees_every_form(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("import numpy as np, a.b\nfrom c import d\ndef f():\n    from e.g import h\n    import i\n")
    assert imports(path) == {"numpy", "a.b", "c.d", "e.g.h", "i"}
    assert imports(path, ast.iter_child_nodes) == {"numpy", "a.b", "c.d"}
    assert starting_with({"nncompress", "nncompress.a", "nncompressed"}, "nncompress") == ["nncompress", "nncompress.a"]


def test_every_package_has_sources():
    assert all(sources and sources[0].parent == PACKAGES[package] for package, sources in SOURCES.items())


@pytest.mark.parametrize("chapter", ["compression", "transfer"])
def test_the_outer_folders_are_no_packages(chapter):
    # With an __init__.py, compression/ would hide the standard library's package of that name (Python 3.14).
    assert (ROOT / chapter).is_dir()
    assert not (ROOT / chapter / "__init__.py").exists()


def test_importing_nnlite_imports_neither_numba_nor_matplotlib():
    program = "import sys, nnlite; dir(nnlite); print(sorted({name.partition('.')[0] for name in sys.modules}))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    loaded = ast.literal_eval(result.stdout)
    assert "nnlite" in loaded
    assert not {"numba", "matplotlib", "numpy", "nncompress", "nntransfer"} & set(loaded)


@pytest.mark.parametrize("package", PACKAGES)
def test_matplotlib_is_only_imported_inside_functions(package):
    for path in SOURCES[package]:
        assert starting_with(imports(path, ast.iter_child_nodes), "matplotlib") == [], path


@pytest.mark.parametrize("package", PACKAGES)
def test_pyplot_and_its_global_state_are_not_used(package):
    for path in SOURCES[package]:
        assert starting_with(imports(path), "matplotlib.pyplot") == [], path


@pytest.mark.parametrize("subject, other", [("nncompress", "nntransfer"), ("nntransfer", "nncompress")])
def test_the_two_subjects_never_import_each_other(subject, other):
    for path in SOURCES[subject]:
        assert starting_with(imports(path), other) == [], path


def test_in_nnlite_only_the_command_line_and_the_bench_import_the_subjects():
    for path in SOURCES["nnlite"]:
        if path.relative_to(PACKAGES["nnlite"]).parts[0] not in ("cli", "bench"):
            assert [name for s in ("nncompress", "nntransfer") for name in starting_with(imports(path), s)] == [], path


def modules(package):
    """{dotted name: file} of all modules of a package."""
    return {".".join([package, *path.relative_to(PACKAGES[package]).with_suffix("").parts]).removesuffix(".__init__"): path
            for path in SOURCES[package]}


def import_graph(package):
    """{module: modules of the same package that it imports at its top}; a package is imported with each of its modules."""
    paths = modules(package)
    graph = {}
    for name, path in paths.items():
        graph[name] = set()
        for target in imports(path, ast.iter_child_nodes):
            while target not in paths and "." in target:
                target = target.rpartition(".")[0]  # a name in a module
            if target in paths and target not in (name, package):
                graph[name].add(target)
    return graph


def circle(graph):
    """Modules of which each imports the next, and the last the first; [] where there are none."""
    done, path = set(), []

    def walk(name):
        if name in path:
            return path[path.index(name):]
        if name in done:
            return []
        path.append(name)
        found = next(filter(None, map(walk, sorted(graph[name]))), [])
        path.pop()
        done.add(name)
        return found

    return next(filter(None, map(walk, sorted(graph))), [])


def test_a_circle_of_imports_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_import_each_other_in_a_circle(package):
    assert circle(import_graph(package)) == []


def test_the_tape_imports_no_operation():
    for module in ("tensor", "backward", "changes"):
        names = imports(PACKAGES["nnlite"] / f"{module}.py")
        assert [name for name in starting_with(names, "nnlite") if name.split(".")[1] not in ("backward", "changes")] == []


@pytest.mark.parametrize("program", [
    "import nnlite; print((nnlite.Tensor([1.0]) + 1).data)",
    "from nnlite.tensor import Tensor; print((Tensor([1.0]) + 1).data)",
    "from nnlite.tensor import Tensor; print((1 + Tensor([1.0])).data)",
    "from nnlite.tensor import Tensor; x = Tensor([3.0]); x -= 1; print(x.data)",
    "from nnlite.tensor import Tensor; print(Tensor([[-2.0]]).T.abs()[0].data)",
])
def test_a_tensor_has_its_operators_however_it_is_imported(program):
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert result.stdout == "[2.]\n"


@pytest.mark.parametrize(
    "room, below",
    [
        ("kernels", ["kernels"]),
        ("functional", ["kernels", "functional", "tensor"]),
        ("nn", ["functional", "nn", "tensor"]),
    ],
)
def test_imports_run_one_way_from_room_to_room(room, below):
    for path in sorted((PACKAGES["nnlite"] / room).rglob("*.py")):
        for name in starting_with(imports(path), "nnlite"):
            assert name.split(".")[1] in below, f"{path} imports {name}"


@pytest.mark.parametrize("shelf, below", [
    ("loops", ["loops", "machine.cache"]),  # what a student reads and changes needs neither SIMD nor threads
    ("fast", ["loops", "fast", "simd", "machine"]),
    ("simd", ["simd", "machine"]),
])
def test_the_shelves_of_kernels_import_only_what_lies_below_them(shelf, below):
    for path in sorted((PACKAGES["nnlite"] / "kernels" / shelf).rglob("*.py")):
        for name in starting_with(imports(path), "nnlite"):
            assert any(starting_with([name], f"nnlite.kernels.{room}") for room in below), f"{path} imports {name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_kernels_are_compiled_by_the_njit_that_knows_all_their_sources(package):
    # Numba's own cache would go on running code of another SIMD level, or of an older tile.
    for path in SOURCES[package]:
        assert starting_with(imports(path), "numba.njit") == [], f"{path}: from nnlite.kernels.machine.cache import njit"


def test_nothing_is_imported_that_is_not_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {requirement.partition(">")[0] for requirement in project["dependencies"]}
    assert declared == {"numpy", "numba", "matplotlib", "tqdm"}
    allowed = declared | {"llvmlite"} | set(PACKAGES) | set(sys.stdlib_module_names)  # llvmlite is a part of Numba
    for sources in SOURCES.values():
        for path in sources:
            extra = EXTRAS.get(path.relative_to(ROOT).as_posix(), set())
            assert {name.partition(".")[0] for name in imports(path)} <= allowed | extra, path


@pytest.mark.parametrize("file", EXTRAS)
def test_what_is_no_dependency_is_an_extra_and_only_imported_inside_functions(file):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    needed = {DISTRIBUTIONS.get(name, name) for name in EXTRAS[file]}
    assert any(needed <= {requirement.partition(">")[0] for requirement in extra} for extra in extras.values())
    at_the_top = {name.partition(".")[0] for name in imports(ROOT / file, ast.iter_child_nodes)}
    assert not EXTRAS[file] & at_the_top and EXTRAS[file] <= {name.partition(".")[0] for name in imports(ROOT / file)}


def rooms(package):
    """{dotted name: module} of a package and all rooms below it that list what a user calls."""
    found = {package.__name__: package}
    for name in package.__all__:
        value = getattr(package, name)
        if inspect.ismodule(value) and hasattr(value, "__all__") and value.__name__ not in NOT_FOR_USERS:
            found |= rooms(value)
    return found


NOT_FOR_USERS = {"nnlite.kernels"}  # what functional and the plans call; its rooms have the same names, file by file
FACE = {name: room for package in (nnlite, nncompress, nntransfer) for name, room in rooms(package).items()}
VERBS = {"load", "save", "inspect"}  # of a checkpoint, of a .nnz, of a data set


@pytest.mark.parametrize("room", FACE)
def test_every_public_name_is_there(room):
    for name in FACE[room].__all__:
        assert getattr(FACE[room], name) is not None
        assert name in dir(FACE[room])


def test_a_package_has_its_rooms_without_importing_them():
    program = """if True:
        import nncompress, nntransfer
        nncompress.pruning.shrink, nncompress.quantization.affine_parameters, nncompress.int8.run_reference
        nncompress.coding.huffman.decode, nntransfer.finetune.freeze, nntransfer.articles
    """
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)
    assert set(FACE) >= {"nncompress.pruning.criteria", "nncompress.quantization", "nncompress.int8", "nncompress.coding",
                         "nncompress.sparse", "nntransfer.distill", "nntransfer.finetune"}


def test_no_two_public_functions_share_a_name():
    functions = {}
    for room in FACE.values():
        for name in room.__all__:
            value = getattr(room, name)
            if inspect.isfunction(value) and name not in VERBS:
                functions.setdefault(name, set()).add(f"{value.__module__}.{value.__qualname__}")
    assert functions["quantize"] == {"nncompress.quantization.post_training.quantize"}
    assert {name: where for name, where in functions.items() if len(where) > 1} == {}


def test_only_one_function_is_called_quantize():
    named = [path for sources in SOURCES.values() for path in sources
             for node in ast.parse(path.read_text(encoding="utf-8")).body
             if isinstance(node, ast.FunctionDef) and node.name == "quantize"]
    assert named == [PACKAGES["nncompress"] / "quantization/post_training.py"]


@pytest.mark.parametrize("package", ["nncompress", "nntransfer"])
def test_no_function_of_the_subjects_bears_its_modules_name(package):
    for path in SOURCES[package]:
        names = [node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
        assert path.stem not in names, path


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'nnlite' has no attribute 'tensr'"):
        nnlite.tensr  # noqa: B018
    assert not hasattr(nnlite, "nncompress")


def test_the_version_is_the_one_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert nnlite.__version__ == project["version"]


def places(function):
    """How many arguments a caller has to put in their places: those without a default that are not only named."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - len(function.args.defaults) - (names[:1] in (["self"], ["cls"]))


def functions(source):
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]


def test_the_count_of_places_leaves_out_self_options_and_names():
    source = "def f(a, b, /, c, d=1, *e, g, **h): 0\nclass C:\n    def m(self, a): 0\n    def n(self): 0"
    assert {f.name: places(f) for f in functions(source)} == {"f": 3, "m": 1, "n": 0}


RULES = {"nnlite/optim/adam.py", "nnlite/optim/rmsprop.py"}  # a rule's arguments are the letters of its formula


@pytest.mark.parametrize("room", ["nnlite", "compression", "transfer", "tutorials"])
def test_what_belongs_together_travels_as_one_argument(room):
    for path in (ROOT / room).rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        most = 12 if name in RULES or name.startswith("nnlite/kernels/simd/") else 9
        for function in functions(path.read_text(encoding="utf-8")):
            assert places(function) <= most, f"{name}:{function.lineno} {function.name}"
