"""The range of all values seen.

Source: Krishnamoorthi 2018 (arXiv 1806.08342), §2.5 and §3.1.
"""

import numpy as np

from nncompress.quantization.affine import check_finite


class MinMax:
    """The smallest and the largest value seen so far, together with 0.

        low = min(0, min x)        high = max(0, max x)

    0 is always inside, because affine quantization needs it. Before any value was seen the range is [0, 0].

    >>> seen = MinMax()
    >>> seen.observe([0.5, 2.0])
    >>> seen.observe([-1.0])
    >>> seen.range()
    (-1.0, 2.0)
    """

    def __init__(self):
        self.low, self.high = 0.0, 0.0

    def observe(self, x):
        """Widen the range to the values of x, an array of any shape. ValueError if x has NaN or infinity."""
        x = np.asarray(x)
        check_finite(f"{type(self).__name__}.observe", x)
        self.low = float(np.min(x, initial=self.low))
        self.high = float(np.max(x, initial=self.high))

    def range(self):
        """(low, high)"""
        return self.low, self.high
