"""Comparisons, number by number: ==, !=, <, <=, >, >=.

Source: IEEE 754-2019, §5.11, for the NaN; the names are PyTorch's.
"""

import numpy as np

from nnlite.functional.elementwise import check_broadcast
from nnlite.tensor import Operation, record


class Compare(Operation):
    """z = whether x and y are in the given relation, number by number with broadcasting; a boolean has no gradient.

    symbol: "==", "!=", "<", "<=", ">" or ">=".   A NaN is in none of them to any number but "!=".
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
    """The booleans of `x symbol y`, without a gradient."""
    return record(Compare(symbol), x, y)
