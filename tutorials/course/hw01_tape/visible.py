"""The tests that students have. tape: scenarios.py, or the grader's link to it."""

import numpy as np
from checking import same, stored

NUMPY = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "negative": np.negative,
         "exp": np.exp, "tanh": np.tanh, "mean": np.mean, "sum": np.sum,
         "affine": lambda x, y, b=None: x @ y if b is None else x @ y + b}


def value(steps, leaves):
    """The root, computed by NumPy alone."""
    values = list(leaves)
    for name, *inputs in steps:
        values.append(NUMPY[name](*(None if i is None else values[i] for i in inputs)))
    return values[-1]


def differences(steps, leaves, dy, h=1e-5):
    """Central differences of Σ dy · root, for every number of every leaf."""
    found = []
    for k, x in enumerate(leaves):
        gradient = np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            sides = []
            for step in (h, -h):
                moved = np.array(x)
                moved[i] += step
                sides.append(np.sum(dy * value(steps, [*leaves[:k], moved, *leaves[k + 1 :]])))
            gradient[i] = (sides[0] - sides[1]) / (2 * h)
        found.append(gradient)
    return found


def check(tape, steps, leaves, dy):
    for got, want in zip(tape.gradients(steps, leaves, dy), differences(steps, leaves, dy), strict=True):
        same(got, want, within=1e-6 * max(1.0, np.abs(want).max()))


def check_order(tape, steps, leaves, want):
    """The order has the places `want`, each once, the root last, and each after its inputs."""
    order = list(tape.order(steps, leaves))
    root = len(leaves) + len(steps) - 1
    assert len(order) == len(set(order)), f"a value comes twice: {order}"
    assert set(order) == set(want), f"the order has {sorted(order)}, expected {sorted(want)}"
    assert order[-1] == root, f"the root, {root}, has to be last: {order}"
    for place, (_, *inputs) in enumerate(steps, len(leaves)):
        for i in inputs:
            assert place not in order or i is None or order.index(i) < order.index(place), f"{place} comes before {i}: {order}"


DIAMOND = [("exp", 0), ("tanh", 1), ("add", 1, 2), ("multiply", 3, 1), ("divide", 4, 2)]     # 1 is used three times


def order(tape, rng):
    x = np.ones(2)
    check_order(tape, [("exp", 0)], [x], [0, 1])
    check_order(tape, DIAMOND, [x], range(6))
    check_order(tape, [("exp", 0), ("exp", 1), ("multiply", 0, 0)], [x, x], [0, 4])          # the exps belong to no one
    check_order(tape, [("exp", 0), ("tanh", 1), ("add", 1, 2), ("add", 2, 3)], [x], range(5))


def products_and_quotients(tape, rng):
    x, y, dz = np.array([2.0, -3.0]), np.array([4.0, 0.5]), np.array([1.0, 10.0])
    for got, want in zip(tape.formulas("Multiply", x, y, dz), ([4.0, 5.0], [2.0, -30.0]), strict=True):
        same(got, want)
    for got, want in zip(tape.formulas("Divide", x, y, dz), ([0.25, 20.0], [-0.125, 120.0]), strict=True):
        same(got, want, within=1e-12)                         # −dz x / y²: −2/16 and 30/0.25


def broadcasting(tape, rng):
    dx = np.arange(6.0).reshape(2, 3)
    for shape, want in [((2, 3), dx), ((3,), [3, 5, 7]), ((1, 3), [[3, 5, 7]]), ((2, 1), [[3], [12]]), ((1, 1), [[15]]),
                        ((1,), [15]), ((), 15)]:
        same(tape.unbroadcast(dx, shape), want)
    same(tape.unbroadcast(np.ones((4, 2, 3)), (2, 1)), [[12], [12]])
    same(tape.formulas("Multiply", dx, np.array([1.0, 2.0, 3.0]), np.ones((2, 3)))[1], [3, 5, 7])


def used_twice(tape, rng):
    """(w x − t)² + w² at w = 3, x = 2, t = 4, from the lesson; x + x; what is used in two steps; and a diamond."""
    numbers = [np.array(v) for v in (3.0, 2.0, 4.0)]
    steps = [("multiply", 0, 1), ("subtract", 3, 2), ("multiply", 4, 4), ("multiply", 0, 0), ("add", 5, 6)]
    for got, want in zip(tape.gradients(steps, numbers), (14, 12, -4), strict=True):
        same(got, want)
    same(tape.gradients([("add", 0, 0)], [np.array(3.0)])[0], 2)
    same(tape.gradients([("multiply", 0, 0), ("add", 1, 0)], [np.array([2.0, -3.0])], np.ones(2))[0], [5, -5])
    check(tape, DIAMOND, [rng.uniform(0.5, 1.5, (2, 3))], rng.normal(size=(2, 3)))


def two_passes(tape, rng):
    for got, want in zip(tape.two_passes(np.array([1.0, -2.0])), ([2, -4], [4, -8]), strict=True):
        same(got, want)


def trained_by_hand(images, targets, weights, batches, rate):
    """The same training with every gradient written out."""
    w1, b1, w2, b2, w3, b3 = weights
    for at in batches:
        x, t = images[at], targets[at]
        h = np.tanh(x @ w1 + b1)
        k = np.tanh(h @ w2 + b2)
        dz = 2 * ((k + h) @ w3 + b3 - t) / t.size
        dk = (dz @ w3.T) * (1 - k**2)
        dh = (dz @ w3.T + dk @ w2.T) * (1 - h**2)
        steps = x.T @ dh, dh.sum(0), h.T @ dk, dk.sum(0), (k + h).T @ dz, dz.sum(0)
        w1, b1, w2, b2, w3, b3 = (w - rate * d for w, d in zip((w1, b1, w2, b2, w3, b3), steps, strict=True))
    return w1, b1, w2, b2, w3, b3


def digits(tape, rng):
    """A network with a skip, trained on 512 digits: the weights of hand-written training; fewer than one of three is wrong."""
    data = stored("digits")
    images, test_images = data["images"] / 8.0 - 1, data["test_images"] / 8.0 - 1
    targets = np.eye(10)[data["labels"]]
    weights = [rng.normal(size=(64, 24)) / 8, np.zeros(24), rng.normal(size=(24, 24)) / 5, np.zeros(24),
               rng.normal(size=(24, 10)) / 5, np.zeros(10)]
    batches = [at for _ in range(12) for at in np.split(rng.permutation(512), 8)]
    trained = tape.train(images, targets, weights, batches, 0.3)
    for got, want in zip(trained, trained_by_hand(images, targets, weights, batches, 0.3), strict=True):
        same(got, want, within=1e-9)
    w1, b1, w2, b2, w3, b3 = trained
    h = np.tanh(test_images @ w1 + b1)
    wrong = int((((np.tanh(h @ w2 + b2) + h) @ w3 + b3).argmax(1) != data["test_labels"]).sum())
    assert wrong < 120, f"{wrong} of 360 wrong, expected fewer than 120"
