"""The range without a fixed share of the largest and of the smallest values.

Source: Wu et al. 2020 (arXiv 2004.09602), §3.4, "percentile".
"""

import numpy as np

from nncompress.quantization.observers.histogram import Histogram


class Percentile(Histogram):
    """The range between two percentiles of the values, to within a bin of the histogram.

        share of the values above high ≤ 1 − percent/100,   share below low ≤ 1 − percent/100

    percent: above 50, at most 100, where nothing is cut off.   ValueError for another.

    >>> seen = Percentile(99)
    >>> seen.observe(np.append(np.linspace(0, 1, 999), 1000.0))
    >>> seen.range()
    (0.0, 1.0)
    """

    def __init__(self, percent=99.99):
        if not 50 < percent <= 100:
            raise ValueError(f"Percentile: percent has to be above 50 and at most 100, got {percent}")
        super().__init__()
        self.percent = percent

    def range(self):
        """(low, high)"""
        lower, upper, counts = self.bins()
        if len(counts) == 0:
            return 0.0, 0.0
        share = round((100 - self.percent) * counts.sum() / 100, 6)  # 100 − 99.9 is not quite 0.1
        above, below = counts.sum() - np.cumsum(counts), np.cumsum(counts) - counts
        return self.clip(lower[np.flatnonzero(below <= share)[-1]], upper[np.flatnonzero(above <= share)[0]])
