"""The budget of a compressed network: bytes, a share of the original, a drop in accuracy, or a number of weights."""

from dataclasses import dataclass

import numpy as np


class BudgetTooSmall(ValueError):
    """No file of this model that the search has tried meets the budget."""


@dataclass(frozen=True)
class Budget:
    """One of four limits; exactly one is given.

    bytes      the largest size of the file
    ratio      how many times smaller than the parameters in float32 the file has to be, at least: bytes = 4 n / ratio
    drop       by how much the held-out accuracy may fall, 0.01 for one point; the search looks for the smallest such file
    weights    how many weights and biases stay at most, whatever the file's size; rounding to the grid makes more of them 0

    Errors: ValueError for none or several of them, and for what is not a positive number.

    >>> Budget(ratio=40).most_bytes(parameters=266_610)
    26661
    """

    bytes: int | None = None
    ratio: float | None = None
    drop: float | None = None
    weights: int | None = None

    def __post_init__(self):
        given = {name: value for name, value in vars(self).items() if value is not None}
        if len(given) != 1:
            raise ValueError(f"Budget: give one of bytes, ratio, drop and weights, got {given or 'none'}")
        (name, value), = given.items()
        if not (np.isfinite(value) and (value > 0 or name == "drop" and value == 0)):
            raise ValueError(f"Budget: {name} has to be a positive number, got {value}")

    def most_bytes(self, parameters):
        """The largest file in bytes, for a model of so many parameters; None where bytes are not limited."""
        if self.ratio is not None:
            return int(4 * parameters / self.ratio)
        return None if self.bytes is None else int(self.bytes)

    def __str__(self):
        if self.bytes is not None:
            return f"{self.bytes:,} bytes"
        if self.ratio is not None:
            return f"{self.ratio:g} times smaller"
        return f"a drop of {self.drop:.2%}" if self.drop is not None else f"{self.weights:,} weights and biases"
