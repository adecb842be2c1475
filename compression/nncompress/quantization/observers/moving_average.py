"""The range of a batch, averaged over time.

Source: Jacob et al. 2018 (arXiv 1712.05877), §3.1.
"""

from nncompress.quantization.observers.min_max import MinMax


class MovingAverage:
    """Exponential moving averages of the smallest and the largest value of a batch, for ranges that move during training.

        low ← low + rate (min(0, min x) − low)        high ← high + rate (max(0, max x) − high)

    The first `delay` batches do not count, because early in training the ranges change fast. The first batch that counts sets
    the averages. A rare large value changes the range little.
    Errors: ValueError for a rate that is not above 0 and at most 1, and for `range` before any batch has counted.

    >>> seen = MovingAverage(rate=0.5)
    >>> for x in [0.0, 4.0], [-2.0, 2.0]:
    ...     seen.observe(x)
    >>> seen.range()
    (-1.0, 3.0)
    """

    def __init__(self, rate=0.01, delay=0):
        if not 0 < rate <= 1:
            raise ValueError(f"MovingAverage: rate has to be above 0 and at most 1, got {rate}")
        self.rate, self.delay, self.batches, self.low, self.high = rate, delay, 0, 0.0, 0.0

    def observe(self, x):
        """Move the averages by one batch x, an array of any shape. ValueError if x has NaN or infinity."""
        batch = MinMax()
        batch.observe(x)
        self.batches += 1
        if self.batches > self.delay:
            rate = 1.0 if self.batches == self.delay + 1 else self.rate
            self.low += rate * (batch.low - self.low)
            self.high += rate * (batch.high - self.high)

    def range(self):
        """(low, high)"""
        if self.batches <= self.delay:
            raise ValueError(f"MovingAverage: has seen {self.batches} batches, the first {self.delay} do not count")
        return self.low, self.high
