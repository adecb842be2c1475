"""Comparisons, number by number: ==, !=, <, <=, >, >=.

Source: IEEE 754-2019, §5.11, for the NaN; the names are PyTorch's.
"""

import numpy as np

from nnlite.functional.elementwise import check_broadcast
from nnlite.tensor import Operation, record


class Compare(Operation):
    """z = whether the relation holds between x and y, number by number with broadcasting; a boolean has no gradient.

    symbol: the relation "==", "!=", "<", "<=", ">" or ">=". If x or y is NaN, only "!=" holds.
    """

    has_gradient = False
    functions = {"==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater,
                 ">=": np.greater_equal}

    def __init__(self, symbol):
        self.symbol = symbol

    def forward(self, x, y):
        check_broadcast(self.symbol, x.shape, y.shape)
        return self.functions[self.symbol](x, y)


def compare(symbol, x, y):
    """Whether x == y (or !=, <, <=, >, >=, as `symbol` says), number by number with broadcasting: booleans without a gradient.

    Errors: ValueError for shapes that do not broadcast together.
    """
    return record(Compare(symbol), x, y)
