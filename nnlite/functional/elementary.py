"""Elementary functions of each number: exp, log, log1p, sqrt, absolute.

Source: the derivatives are any calculus textbook's; the names are PyTorch's.
"""

import numpy as np

from nnlite.tensor import Operation, record


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


class Log1p(Operation):
    """y = ln(1 + x), precise also for small x;   dx = dy / (1 + x)."""

    def forward(self, x):
        self.x = x
        return np.log1p(x)

    def backward(self, dy):
        return (dy / (1 + self.x),)


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


def exp(x):
    """eˣ, number by number; ∞ where it is too large for x's dtype, with NumPy's warning."""
    return record(Exp(), x)


def log(x):
    """The natural logarithm, number by number: −∞ for 0 and NaN below 0, with NumPy's warning."""
    return record(Log(), x)


def log1p(x):
    """ln(1 + x), number by number, precise also for small x; −∞ for −1 and NaN below −1, with NumPy's warning."""
    return record(Log1p(), x)


def sqrt(x):
    """√x, number by number; NaN below 0, with NumPy's warning. At x = 0 the gradient is infinite."""
    return record(Sqrt(), x)


def absolute(x):
    """|x|, number by number. At x = 0 the gradient is 0."""
    return record(Absolute(), x)
