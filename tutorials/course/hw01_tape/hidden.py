"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
SHAPES = [(2, 3), (3,), (1, 3), (2, 1), ()]
BINARY, UNARY = ["add", "subtract", "multiply"], ["tanh", "negative"]


def random_steps(rng, leaves, length):
    """Steps that use earlier values anywhere, in the end the sum of all of them; tanh keeps the numbers small."""
    steps, last = [], leaves
    for _ in range(length):
        i, j = rng.integers(0, last, 2).tolist()
        if rng.random() < 0.7:
            steps += [(str(rng.choice(BINARY)), i, j), ("tanh", last)]
            last += 2
        else:
            steps.append((str(rng.choice(UNARY)), i))
            last += 1
    total = 0
    for place in range(1, last):
        steps.append(("add", total, place))
        total = last + place - 1
    return steps


def random_graphs(tape, rng):
    """Computations of any shape of graph, and products and quotients of all pairs of shapes."""
    for length in (3, 6, 10):
        leaves = [rng.uniform(0.5, 1.5, shape) for shape in SHAPES]
        steps = random_steps(rng, len(leaves), length)
        visible["check_order"](tape, steps, leaves, range(len(leaves) + len(steps)))
        visible["check"](tape, steps, leaves, rng.normal(size=(2, 3)))
    for a in SHAPES:
        for b in SHAPES:
            leaves = [rng.normal(size=a), rng.uniform(0.5, 2, b) * rng.choice([-1, 1], b)]
            for name in ("divide", "multiply"):
                dy = rng.normal(size=np.broadcast_shapes(a, b))
                visible["check"](tape, [(name, 0, 1)], leaves, dy)


def deep_tape(tape, rng):
    same(tape.deep(30_000), [1.0, 2.0])


def memory_of_gradients(tape, rng):
    for shape in ((3,), (2, 3)):
        *shared, dx, dy, given = tape.memory(shape)
        assert shared == [False, False, False], "gradients share memory: x's and y's, x's and the given, y's and the given: " \
            f"{shared}"
        same(dx, np.full(shape, 5.0))
        same(dy, np.ones(shape))
        same(given, np.ones(shape))


def refusals(tape, rng):
    same(tape.gradients([("exp", 0)], [np.array(0.0)])[0], 1.0)        # to refuse everything is not a solution
    for scenario in (tape.changed_in_place, tape.broken_gradient):
        raised, dx, dw = scenario(np.array([7.0, 8.0]))
        assert raised is True, "backward should have raised an error"
        same(dx, [7.0, 8.0])
        same(dw, [7.0, 8.0])


def used_and_freed(tape, rng):
    same(tape.left_on_the_tape(), 0)
    refuses(tape.backward_twice, error=RuntimeError)
    refuses(tape.second_loss, error=RuntimeError)


def odd_inputs(tape, rng):
    """A single number's gradient is an array; None among the inputs; an input that gets no gradient."""
    for x in (np.array(3.0), np.float32([[2.0]])):
        got, want = tape.kinds_of_gradients(x), (True, x.shape, x.dtype.name) * 2
        assert got == want, f"(array, shape, dtype) after two passes: {got}, expected {want}"
    x, w = rng.normal(size=(2, 3)), rng.normal(size=(3, 2))
    visible["check"](tape, [("affine", 0, 1, None), ("tanh", 2)], [x, w], rng.normal(size=(2, 2)))
    dx, dw = tape.gradients([("ignores", 0, 1)], [np.ones(2), np.ones(2)], np.array([1.0, 2.0]))
    same(dx, [1.0, 2.0])
    assert dw is None, f"an input without a gradient: expected None, got {dw}"
