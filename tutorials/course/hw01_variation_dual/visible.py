"""The tests that students have. dual: scenarios.py, or the grader's link to it."""

import numpy as np
from checking import same

NUMPY = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "matmul": np.matmul,
         "tanh": np.tanh, "relu": lambda x: np.maximum(x, 0), "total": np.sum,
         "logsumexp": lambda x: np.log(np.exp(x).sum(axis=-1)),
         "waves": lambda x: np.tanh(x * x - 3 * x) / (1 + x * x), "shared": lambda x: x**3 + 2 / x - x,
         "rows": lambda x: np.log(np.exp(2 * np.tanh(x)).sum(axis=-1)) - np.sum(x * x)}


def difference(f, x, v, h=1e-5):
    """The central difference of f at x in the direction v."""
    return (f(x + h * v) - f(x - h * v)) / (2 * h)


def pair(got, value, dot, within=1e-12):
    same(got[0], value, within)
    same(got[1], dot, within)


def sums_and_products(dual, rng):
    x, dx, y, dy = np.array([2.0, -3.0]), np.array([1.0, 10.0]), np.array([4.0, 0.5]), np.array([0.0, 2.0])
    pair(dual.binary("add", x, dx, y, dy), [6.0, -2.5], [1.0, 12.0])
    pair(dual.binary("subtract", x, dx, y, dy), [-2.0, -3.5], [1.0, 8.0])
    pair(dual.binary("multiply", x, dx, y, dy), [8.0, -1.5], [4.0, -1.0])        # 10 · 0.5 − 3 · 2
    pair(dual.binary("multiply", x, dx, 3.0, None), [6.0, -9.0], [3.0, 30.0])
    pair(dual.binary("add", 1.0, None, x, dx), [3.0, -2.0], [1.0, 10.0])


def quotients(dual, rng):
    x, dx, y, dy = np.array([2.0, -3.0]), np.array([1.0, 10.0]), np.array([4.0, 0.5]), np.array([2.0, 1.0])
    pair(dual.binary("divide", x, dx, y, dy), [0.5, -6.0], [0.0, 32.0])          # (1 − 0.5·2)/4, (10 + 6·1)/0.5
    pair(dual.binary("divide", 1.0, None, y, dy), [0.25, 2.0], [-0.125, -4.0])   # −ẏ / y²


def matrix_products(dual, rng):
    x, dx, y, dy = (rng.normal(size=s) for s in ((2, 3), (2, 3), (3, 4), (3, 4)))
    pair(dual.binary("matmul", x, dx, y, dy), np.einsum("mk,kn->mn", x, y),
         np.einsum("mk,kn->mn", dx, y) + np.einsum("mk,kn->mn", x, dy))
    pair(dual.binary("matmul", x, None, y, dy), x @ y, x @ dy)
    pair(dual.binary("matmul", x, dx, y, None), x @ y, dx @ y)


def functions(dual, rng):
    x, v = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    x[np.abs(x) < 0.01] = 0.5                                 # away from relu's kink
    for name in ("tanh", "relu", "total", "logsumexp"):
        pair(dual.unary(name, x, v), NUMPY[name](x), difference(NUMPY[name], x, v), within=1e-8)
    pair(dual.unary("relu", np.array([-1.0, 0.0, 2.0]), np.ones(3)), [0, 0, 2], [0, 0, 1])


def directions(dual, rng):
    for name in ("waves", "shared"):
        x, v = rng.uniform(0.5, 2, (2, 3)), rng.normal(size=(2, 3))
        pair(dual.directional(name, x, v), NUMPY[name](x), difference(NUMPY[name], x, v), within=1e-7)
