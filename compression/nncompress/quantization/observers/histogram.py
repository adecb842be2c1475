"""A histogram whose range grows with the values, and whose counts do not depend on the order of the batches."""

import numpy as np

from nncompress.quantization.observers.min_max import MinMax

HALF = 4096  # bins on each side of 0


class Histogram(MinMax):
    """How many values lie in each of 8192 bins of one width: bin i counts i·width ≤ x < (i + 1)·width, i = −4096 … 4095.

    The width is the smallest power of two for which all values fit in. A larger value makes it larger: 2, 4, … neighbouring
    bins become one, and nothing has to be counted again. So any division of the values into batches gives the same counts.
    Source: this project's.

    >>> seen = Histogram()
    >>> seen.observe([0.0, 1.0, 1.0, -0.25])
    >>> seen.width, int(seen.counts.sum())
    (0.00048828125, 4)
    """

    def __init__(self):
        super().__init__()
        self.exponent, self.counts = -1074, np.zeros(2 * HALF, np.int64)  # 2^−1074 is the smallest float64

    @property
    def width(self):
        """The width of a bin."""
        return 2.0**self.exponent

    def observe(self, x):
        """Count the values of x, an array of any shape. ValueError if x has NaN or infinity."""
        super().observe(x)
        self._widen(max(-self.low, self.high))
        bins = np.floor(np.ravel(x) * np.float64(2.0**-self.exponent if self.exponent > -1000 else 0)).astype(np.intp)
        self.counts += np.bincount(bins + HALF, minlength=2 * HALF)

    def _widen(self, largest):
        """Join bins until all values up to ±largest fit in."""
        exponent = int(np.frexp(largest / HALF)[1])  # largest < HALF · 2^exponent
        if largest > 0 and exponent > self.exponent:
            joined = np.arange(-HALF, HALF) >> min(exponent - self.exponent, 62)
            counts = np.zeros_like(self.counts)
            np.add.at(counts, joined + HALF, self.counts)
            self.exponent, self.counts = exponent, counts

    def bins(self):
        """(lower edge, upper edge, count) of every bin in which something lies, from the lowest; three arrays."""
        i = np.flatnonzero(self.counts)
        return (i - HALF) * self.width, (i - HALF + 1) * self.width, self.counts[i]

    def clip(self, low, high):
        """The range [low, high] with 0 and without what lies beyond the values seen."""
        return min(max(float(low), self.low), 0.0), max(min(float(high), self.high), 0.0)
