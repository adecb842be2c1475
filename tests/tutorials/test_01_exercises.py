"""Each exercise of lesson 01 can be solved, and its test notices a wrong solution."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from nnlite.backward import topological_order

TUTORIALS = Path(__file__).parents[2] / "tutorials"


@pytest.fixture(scope="module")
def tape():
    """The names that the lesson leaves behind."""
    spec = importlib.util.spec_from_file_location("build", TUTORIALS / "build.py")
    build = importlib.util.module_from_spec(spec)
    sys.modules["build"] = build
    spec.loader.exec_module(build)
    namespace = {"__name__": "__main__"}
    for cell in build.parse((TUTORIALS / "01_tape.py").read_text(encoding="utf-8")):
        if cell.kind == "code" and "remove-input" not in cell.tags:
            exec(cell.source, namespace)
    return namespace


def order_by_levels(root):
    order, queue = [], [root]
    while queue:
        t = queue.pop(0)
        if all(t is not other for other in order):
            order.append(t)
            queue += [x for x in (t.operation.inputs if t.operation is not None else ()) if x is not None]
    return order[::-1]


def softmax_node(tape, backward):
    def softmax(z):
        e = np.exp(z.data - z.data.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        return tape["Node"](p, (z,), lambda dp: (backward(p, dp),))
    return softmax


def agrees(loss, w, dw, rng, directions=3):
    for _ in range(directions):
        v = rng.choice([-1.0, 1.0], w.shape)
        slope = (loss(w + 1e-5 * v) - loss(w - 1e-5 * v)) / 2e-5
        if abs(slope - (dw * v).sum()) > 1e-6:
            return False
    return True


def test_exercise_1_can_be_solved(tape):
    tape["test_order"](topological_order)
    with pytest.raises(AssertionError):
        tape["test_order"](order_by_levels)


def test_exercise_2_can_be_solved(tape):
    tape["test_softmax"](softmax_node(tape, lambda p, dp: p * (dp - (dp * p).sum(axis=1, keepdims=True))))
    with pytest.raises(AssertionError):
        tape["test_softmax"](softmax_node(tape, lambda p, dp: p * (1 - p) * dp))


def test_exercise_3_can_be_solved(tape):
    tape["test_agrees"](agrees)
    with pytest.raises(AssertionError):
        tape["test_agrees"](lambda loss, w, dw, rng: True)
