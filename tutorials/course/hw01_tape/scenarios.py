"""What the tests ask of your code: each function builds a tape, uses it, and returns arrays and numbers.

A computation is written down as leaves (arrays) and steps. A step is (name, input, …). Inputs are places in the list of all
values so far: leaves first, then the result of each step. The last result is the root.
"""

import numpy as np

from nnlite.backward import topological_order
from nnlite.functional import elementwise
from nnlite.functional.elementary import exp
from nnlite.functional.reduction import mean, sum
from nnlite.tensor import Operation, Tensor, record


class Tanh(Operation):
    """y = tanh x;   dx = dy (1 − y²)."""

    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy):
        return (dy * (1 - self.y**2),)


class RowsByColumns(Operation):
    """z = x y + b for matrices;   dx = dz yᵀ, dy = xᵀ dz, db = Σ_n dz_n.   b may be None."""

    def forward(self, x, y, b=None):
        self.x, self.y, self.has_b = x, y, b is not None
        return x @ y if b is None else x @ y + b

    def backward(self, dz):
        return dz @ self.y.T, self.x.T @ dz, dz.sum(0) if self.has_b else None


class Broken(Operation):
    """Its backward returns a gradient of a shape that cannot be."""

    def forward(self, x):
        return x + 1

    def backward(self, dy):
        return (dy[:-1],)


class Ignores(Operation):
    """z = x, whatever y is; y gets None for its gradient."""

    def forward(self, x, y):
        return x + 0

    def backward(self, dz):
        return dz, None


FUNCTIONS = {
    "add": elementwise.add, "subtract": elementwise.subtract, "multiply": elementwise.multiply, "divide": elementwise.divide,
    "negative": elementwise.negative, "exp": exp, "mean": mean, "sum": sum,
    "tanh": lambda x: record(Tanh(), x), "affine": lambda x, y, b=None: record(RowsByColumns(), x, y, b),
    "broken": lambda x: record(Broken(), x), "ignores": lambda x, y: record(Ignores(), x, y),
}


def values_of(steps, leaves):
    values = [x if isinstance(x, Tensor) else Tensor(x, requires_grad=True) for x in leaves]
    for name, *inputs in steps:
        values.append(FUNCTIONS[name](*(None if i is None else values[i] for i in inputs)))
    return values


def order(steps, leaves):
    """The places of what `topological_order` returns for the root."""
    values = values_of(steps, leaves)
    places = {id(value): i for i, value in enumerate(values)}
    return tuple(places[id(tensor)] for tensor in topological_order(values[-1]))


def gradients(steps, leaves, dy=None):
    """The `grad` of each leaf after `backward`."""
    values = values_of(steps, leaves)
    values[-1].backward(dy)
    return tuple(value.grad for value in values[: len(leaves)])


def formulas(name, x, y, dz):
    """backward of an operation, without a tape."""
    operation = getattr(elementwise, name)()
    operation.forward(x, y)
    return tuple(operation.backward(dz))


def unbroadcast(dx, shape):
    return elementwise.unbroadcast(dx, tuple(shape))


def two_passes(x):
    """x.grad after one, and after another forward and backward pass of Σ x²."""
    x, found = Tensor(x, requires_grad=True), []
    for _ in range(2):
        sum(elementwise.multiply(x, x)).backward()
        found.append(np.array(x.grad))
    return tuple(found)


def kinds_of_gradients(x):
    """(whether an array, its shape, its dtype) for a leaf of this value, after each of two passes of x · x."""
    x, found = Tensor(x, requires_grad=True), []
    for _ in range(2):
        elementwise.multiply(x, x).backward(np.ones(x.shape))
        found += [isinstance(x.grad, np.ndarray), x.grad.shape, x.grad.dtype.name]
    return tuple(found)


def deep(length):
    """dx of x − 0 − 0 …"""
    x = y = Tensor(np.ones(2), requires_grad=True)
    zero = Tensor(np.zeros(2))
    for _ in range(length):
        y = elementwise.subtract(y, zero)
    y.backward(np.array([1.0, 2.0]))
    return x.grad


def memory(shape):
    """Whether the gradients of x + y share memory, with one another and with the one that is given, and x's after `*= 5`."""
    x, y, given = Tensor(np.ones(shape), requires_grad=True), Tensor(np.ones(shape), requires_grad=True), np.ones(shape)
    elementwise.add(x, y).backward(given)
    shared = np.shares_memory(x.grad, y.grad), np.shares_memory(x.grad, given), np.shares_memory(y.grad, given)
    x.grad *= 5
    return *(bool(s) for s in shared), x.grad, y.grad, given


def backward_twice():
    """A second `backward` on one tape has to raise."""
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    y = sum(elementwise.multiply(x, x))
    y.backward()
    y.backward()


def second_loss():
    """Two losses on one tape: `backward` of the second has to raise."""
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    h = elementwise.multiply(x, x)
    first, second = sum(h), sum(exp(h))
    first.backward()
    second.backward()


def left_on_the_tape():
    """How many attributes the operations of a tape have after `backward`: what forward kept has to be gone."""
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    y = exp(elementwise.multiply(x, x))
    first, second = y.operation.inputs[0].operation, y.operation
    y.backward(np.ones(2))
    return len(vars(first)) + len(vars(second))


def changed_in_place(before):
    """Gradients of an earlier pass, and those after a `backward` that has to raise: x is changed after the forward pass."""
    x, w = Tensor(np.array([1.0, 2.0]), requires_grad=True), Tensor(np.array([3.0, 4.0]), requires_grad=True)
    return refused(x, w, lambda: changed_product(x, w), before)


def changed_product(x, w):
    z = elementwise.multiply(x, w)
    x.data *= 2
    return elementwise.add(z, w)


def broken_gradient(before):
    """The same, where an operation far from the loss returns a gradient that does not fit."""
    x, w = Tensor(np.array([1.0, 2.0]), requires_grad=True), Tensor(np.array([3.0, 4.0]), requires_grad=True)
    return refused(x, w, lambda: elementwise.add(FUNCTIONS["broken"](x), w), before)


def refused(x, w, loss, before):
    """(whether backward raised, x.grad, w.grad), where both were `before`."""
    x.grad, w.grad = np.array(before), np.array(before)
    z, raised = loss(), False
    try:
        z.backward(np.ones(2))
    except (RuntimeError, ValueError) as error:
        if isinstance(error, NotImplementedError):
            raise
        raised = True
    return raised, x.grad, w.grad


def train(images, targets, weights, batches, rate):
    """Gradient descent on a network with a skip: the hidden layer is used twice -> the trained weights."""
    weights = [np.array(w) for w in weights]
    for at in batches:
        w1, b1, w2, b2, w3, b3 = leaves = [Tensor(w, requires_grad=True) for w in weights]
        first = FUNCTIONS["tanh"](elementwise.add(FUNCTIONS["affine"](images[at], w1), b1))
        second = FUNCTIONS["tanh"](elementwise.add(FUNCTIONS["affine"](first, w2), b2))
        z = elementwise.add(FUNCTIONS["affine"](elementwise.add(second, first), w3), b3)
        distance = elementwise.subtract(z, targets[at])
        mean(elementwise.multiply(distance, distance)).backward()
        weights = [w - rate * leaf.grad for w, leaf in zip(weights, leaves, strict=True)]
    return tuple(weights)
