"""What the tests ask of your code: they cannot send functions or Duals, so these are named here, and arrays come back."""

import variation
from variation import Dual, logsumexp, relu, tanh, total

BINARY = {"add": lambda x, y: x + y, "subtract": lambda x, y: x - y, "multiply": lambda x, y: x * y,
          "divide": lambda x, y: x / y, "matmul": lambda x, y: x @ y}
CALLS = []


def counted(f):
    def g(x):
        CALLS.append(1)
        return f(x)
    return g


FUNCTIONS = {"tanh": tanh, "relu": relu, "total": total, "logsumexp": logsumexp,
             "waves": lambda x: tanh(x * x - 3.0 * x) / (1.0 + x * x),
             "shared": lambda x: x * x * x + 2.0 / x - x,
             "rows": lambda x: logsumexp(tanh(x) * 2.0) - total(x * x),
             "constant": lambda x: [1.0, 2.0]}


def binary(name, x, dx, y, dy):
    """(value, dot) of x + y, x − y, …; a dot of None makes a plain array of its operand."""
    z = BINARY[name](x if dx is None else Dual(x, dx), y if dy is None else Dual(y, dy))
    return z.value, z.dot


def unary(name, x, dx):
    y = FUNCTIONS[name](Dual(x, dx))
    return y.value, y.dot


def directional(name, x, v):
    return variation.directional(FUNCTIONS[name], x, v)


def jacobian(name, x):
    """J, and how often f was called, and x afterwards."""
    CALLS.clear()
    J = variation.jacobian(counted(FUNCTIONS[name]), x)
    return J, len(CALLS), x


def cross_entropy(images, labels, weights, directions):
    """Mean cross-entropy of a network 64 → 16 → 10, and its derivative if all weights move in these directions."""
    w1, b1, w2, b2 = (Dual(w, v) for w, v in zip(weights, directions, strict=True))
    z = tanh(images @ w1 + b1) @ w2 + b2
    loss = (total(logsumexp(z)) - total(z * labels)) / len(images)       # labels: 1 for the right class, else 0
    return loss.value, loss.dot
