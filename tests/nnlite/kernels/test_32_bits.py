"""The loops compute the same where Numba's whole numbers have 32 bits, as in a browser (tutorials/browser.md).

There an index and a literal are int32, and int32 + int32 stays int32. A number that may need more bits has to be int64 by name.
"""

import ast
import re
from pathlib import Path

import pytest

from nnlite.kernels import loops

ROOT = Path(__file__).parents[3]
COMPILED = [*sorted(Path(loops.__file__).parent.glob("*.py")),
            *(ROOT / "compression/nncompress/coding" / f"{name}.py" for name in ("arithmetic", "mixing", "layer", "huffman")),
            ROOT / "transfer/nntransfer/fusion/assignment.py"]

# What grows fast in compiled functions, and why it fits. Another such expression needs an int64, or a line here.
KNOWN = {
    "2 ** 30": "the number itself fits",
    "np.int64(q1) - Z1 << ADD_LEFT_SHIFT": "int64",
    "np.int64(q2) - Z2 << ADD_LEFT_SHIFT": "int64",
    "np.int64(1) << np.int64(n)": "int64",
    "np.int64(1) << np.int64(total) - 1": "int64",
    "np.int64(x) << np.int64(left)": "int64",
    "low << 8": "int64: low comes from Tape.state",
    "high << 8": "int64: high comes from Tape.state",
    "state[NUMBER] << 8": "int64: Tape.state",
    "bit << P_BITS": "at most 2^24",
    "bit << 16": "at most 2^16",
    "1 << 13": "the number itself fits",
    "np.int64(10 * there + 6) * 4096": "int64",
    "(NEAR + 1) ** 2": "49",
    "(codes[symbol] >> shift & 1) << 7 - (bit & 7)": "at most 2^7",
}


def compiled_functions(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and any(
                re.match("njit|inner_kernel", ast.unparse(d)) for d in node.decorator_list):
            yield node


def grows_fast(node):
    """Whether a node is a shift to the left, a power, or a product with a constant of three digits or more."""
    if not isinstance(node, ast.BinOp):
        return False
    constants = [side.value for side in (node.left, node.right)
                 if isinstance(side, ast.Constant) and isinstance(side.value, int)]
    return isinstance(node.op, ast.LShift | ast.Pow) or isinstance(node.op, ast.Mult) and any(abs(n) >= 100 for n in constants)


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: path.stem)
def test_what_grows_beyond_32_bits_is_int64_by_name(path):
    for function in compiled_functions(path):
        found = {ast.unparse(node) for node in ast.walk(function) if grows_fast(node)}
        assert found <= set(KNOWN), f"{path.name}: {function.name}"


def test_every_known_expression_is_still_there():
    found = {ast.unparse(node) for path in COMPILED for function in compiled_functions(path)
             for node in ast.walk(function) if grows_fast(node)}
    assert found == set(KNOWN)


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: path.stem)
def test_no_type_has_another_size_on_another_machine(path):
    text = "\n".join(ast.unparse(function) for function in compiled_functions(path))
    assert not re.search(r"\bnp\.(int_|uint|uintp|long|ulong|longlong|longdouble|float128)\b|astype\(int\)|dtype=int\b", text)


def test_literals_in_compiled_functions_fit_into_32_bits():
    for path in COMPILED:
        for function in compiled_functions(path):
            for node in ast.walk(function):
                if isinstance(node, ast.Constant) and isinstance(node.value, int):
                    assert -2**31 <= node.value < 2**31, f"{path.name}: {function.name}"


# np.bincount takes only numbers that fit into an index. These are made of indices; others have to become np.intp.
INDICES = {"rows", "level", "cells", "bins + HALF", "[i for step in steps for i in step.inputs]"}


def test_what_numpy_counts_is_an_index():
    sources = [path for room in ("nnlite", "compression", "transfer") for path in sorted((ROOT / room).rglob("*.py"))]
    calls = [node for path in sources for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
             if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.bincount"]
    assert len(calls) > 10
    assert {first for call in calls if "np.intp" not in (first := ast.unparse(call.args[0]))} == INDICES
