"""Arithmetic, number by number, with broadcasting: +, −, ·, / and the sign.

Broadcasting repeats an input along an axis; its gradient is therefore the sum along that axis (`unbroadcast`).

Source: the derivatives are any calculus textbook's; the names are PyTorch's.
"""

import numpy as np

from nnlite.tensor import Operation, record


def unbroadcast(dx, shape):
    """Sum dx over the axes along which an array of `shape` was repeated -> an array of `shape`; dx itself if it has that shape.

    Broadcasting adds missing axes before the first one. It repeats the array along the added axes and along axes of size 1.
    """
    if dx.shape == shape:
        return dx
    dx = dx.sum(axis=tuple(range(dx.ndim - len(shape))))
    repeated = tuple(axis for axis, size in enumerate(shape) if size == 1 and dx.shape[axis] != 1)
    return dx.sum(axis=repeated, keepdims=True) if repeated else dx


def check_broadcast(name, *shapes):
    """ValueError, beginning with `name`, unless the shapes broadcast together."""
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
        dy = unbroadcast(-dx * self.x / self.y, self.y.shape) if self.needs_gradient(1) else None
        return unbroadcast(dx, self.x.shape), dy


class Negative(Operation):
    """y = −x;   dx = −dy."""

    def forward(self, x):
        return -x

    def backward(self, dy):
        return (-dy,)


def add(x, y):
    """x + y with broadcasting. Errors: ValueError for shapes that do not broadcast together."""
    return record(Add(), x, y)


def subtract(x, y):
    """x − y with broadcasting. Errors: ValueError for shapes that do not broadcast together."""
    return record(Subtract(), x, y)


def multiply(x, y):
    """x y, number by number with broadcasting. Errors: ValueError for shapes that do not broadcast together."""
    return record(Multiply(), x, y)


def divide(x, y):
    """x / y with broadcasting; x / 0 is ±∞ and 0 / 0 NaN. Errors: ValueError for shapes that do not broadcast together."""
    return record(Divide(), x, y)


def negative(x):
    """−x."""
    return record(Negative(), x)
