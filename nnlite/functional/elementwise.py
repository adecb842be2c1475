"""Element by element: arithmetic with broadcasting, and the functions exp, log, sqrt, abs, clamp, where.

Broadcasting repeats an input along an axis; its gradient is therefore the sum along that axis (`unbroadcast`).
"""

import numpy as np

from nnlite.tensor import Operation, Tensor, record


def unbroadcast(dx, shape):
    """Sum dx over the axes along which an array of `shape` was repeated -> array of `shape`, dx itself where it has that."""
    if dx.shape == shape:
        return dx
    dx = dx.sum(axis=tuple(range(dx.ndim - len(shape))))
    repeated = tuple(axis for axis, size in enumerate(shape) if size == 1 and dx.shape[axis] != 1)
    return dx.sum(axis=repeated, keepdims=True) if repeated else dx


def check_broadcast(name, *shapes):
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(f"{name}: shapes {' and '.join(map(str, shapes))} do not broadcast together") from None


class Add(Operation):
    """z = x + y;   dx = dz, dy = dz."""

    def forward(self, x, y):
        check_broadcast("add", x.shape, y.shape)
        self.shapes = x.shape, y.shape
        return x + y

    def backward(self, dz):
        return unbroadcast(dz, self.shapes[0]), unbroadcast(dz, self.shapes[1])


class Subtract(Operation):
    """z = x − y;   dx = dz, dy = −dz."""

    def forward(self, x, y):
        check_broadcast("subtract", x.shape, y.shape)
        self.shapes = x.shape, y.shape
        return x - y

    def backward(self, dz):
        return unbroadcast(dz, self.shapes[0]), unbroadcast(-dz, self.shapes[1])


class Multiply(Operation):
    """z = x y;   dx = dz y, dy = dz x."""

    def forward(self, x, y):
        check_broadcast("multiply", x.shape, y.shape)
        self.x, self.y = x, y
        return x * y

    def backward(self, dz):
        return unbroadcast(dz * self.y, self.x.shape), unbroadcast(dz * self.x, self.y.shape)


class Divide(Operation):
    """z = x / y;   dx = dz / y, dy = −dz x / y²."""

    def forward(self, x, y):
        check_broadcast("divide", x.shape, y.shape)
        self.x, self.y = x, y
        return x / y

    def backward(self, dz):
        dx = dz / self.y
        return unbroadcast(dx, self.x.shape), unbroadcast(-dx * self.x / self.y, self.y.shape)


class Power(Operation):
    """y = xᵖ for a constant p, a number or an array;   dx = dy p xᵖ⁻¹."""

    def __init__(self, p):
        self.p = p

    def forward(self, x):
        self.x = x
        return x**self.p

    def backward(self, dy):
        below = np.where(self.p == 0, 0, self.p - 1)  # y = 1 for p = 0: its gradient, 0 times xᵖ⁻¹, is 0 at x = 0 too
        return (unbroadcast(dy * self.p * self.x ** below.astype(dy.dtype), self.x.shape),)


class Negative(Operation):
    """y = −x;   dx = −dy."""

    def forward(self, x):
        return -x

    def backward(self, dy):
        return (-dy,)


class Exp(Operation):
    """y = eˣ;   dx = dy y."""

    def forward(self, x):
        self.y = np.exp(x)
        return self.y

    def backward(self, dy):
        return (dy * self.y,)


class Log(Operation):
    """y = ln x;   dx = dy / x."""

    def forward(self, x):
        self.x = x
        return np.log(x)

    def backward(self, dy):
        return (dy / self.x,)


class Sqrt(Operation):
    """y = √x;   dx = dy / (2y)."""

    def forward(self, x):
        self.y = np.sqrt(x)
        return self.y

    def backward(self, dy):
        return (dy / (2 * self.y),)


class Absolute(Operation):
    """y = |x|;   dx = dy sign(x), with sign(0) = 0."""

    def forward(self, x):
        self.x = x
        return np.abs(x)

    def backward(self, dy):
        return (dy * np.sign(self.x),)


class Clamp(Operation):
    """y = min(max(x, low), high);   dx = dy where low ≤ x ≤ high, else 0."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def forward(self, x):
        self.inside = np.ones(x.shape, bool)
        if self.low is not None:
            self.inside &= x >= self.low
        if self.high is not None:
            self.inside &= x <= self.high
        return np.clip(x, self.low, self.high).astype(x.dtype, copy=False)  # limits in float64 do not make y so

    def backward(self, dy):
        return (dy * self.inside,)


class Where(Operation):
    """z = x where the condition holds, else y;   dx = dz there, dy = dz elsewhere."""

    def __init__(self, condition):
        self.condition = condition

    def forward(self, x, y):
        check_broadcast("where", self.condition.shape, x.shape, y.shape)
        self.shapes = x.shape, y.shape
        return np.where(self.condition, x, y)

    def backward(self, dz):
        return (unbroadcast(np.where(self.condition, dz, 0), self.shapes[0]),
                unbroadcast(np.where(self.condition, 0, dz), self.shapes[1]))


def add(x, y):
    """x + y with broadcasting."""
    return record(Add(), x, y)


def subtract(x, y):
    """x − y with broadcasting."""
    return record(Subtract(), x, y)


def multiply(x, y):
    """x y with broadcasting."""
    return record(Multiply(), x, y)


def divide(x, y):
    """x / y with broadcasting."""
    return record(Divide(), x, y)


def power(x, p):
    """xᵖ; where p is a Tensor, as exp(p ln x), so that its gradient is there too (x > 0)."""
    if isinstance(p, Tensor):
        return exp(multiply(p, np.log(x) if not isinstance(x, Tensor) else log(x)))
    return record(Power(p.item() if isinstance(p, np.generic) else p), x)


def negative(x):
    """−x."""
    return record(Negative(), x)


def exp(x):
    """eˣ."""
    return record(Exp(), x)


def log(x):
    """The natural logarithm."""
    return record(Log(), x)


def sqrt(x):
    """√x."""
    return record(Sqrt(), x)


def absolute(x):
    """|x|."""
    return record(Absolute(), x)


def clamp(x, min=None, max=None):
    """x limited to [min, max]; either may be None."""
    return record(Clamp(min, max), x)


def where(condition, x, y):
    """x where `condition` (array of booleans) holds, else y."""
    return record(Where(condition.data if isinstance(condition, Tensor) else np.asarray(condition)), x, y)
