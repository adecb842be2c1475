"""Each exercise of lesson 01 can be solved, and its test notices a wrong solution."""

import numpy as np
import pytest
from lessons import cells_run

from nnlite.backward import topological_order


@pytest.fixture(scope="module")
def tape():
    return cells_run("01_tape")


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
