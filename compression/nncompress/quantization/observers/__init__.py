"""Observers choose the real range of an activation that the 256 integers stand for. One rule a file.

    seen = Percentile()                 or any other
    seen.observe(x)                     for each batch; x an array of any shape
    low, high = seen.range()            low ≤ 0 ≤ high

`quantize(…, observer=Percentile)` makes an observer for each activation. Any function without arguments that returns such an
object will do: `observer=lambda: Percentile(99.9)`. A wide range has large steps, a narrow one cuts off the largest values. The
observers differ in the range that they choose:

    MinMax          nothing is cut off
    MovingAverage   the ends of the batches, averaged over time
    Percentile      a fixed share of the values is cut off
    SquaredError    the range whose squared error of rounding and cutting off is smallest
    Entropy         the range whose rounded distribution tells most about the original one

The last three share a `Histogram`.
"""

from nncompress.quantization.observers.entropy import Entropy
from nncompress.quantization.observers.histogram import Histogram
from nncompress.quantization.observers.min_max import MinMax
from nncompress.quantization.observers.moving_average import MovingAverage
from nncompress.quantization.observers.percentile import Percentile
from nncompress.quantization.observers.squared_error import SquaredError

__all__ = ["Entropy", "Histogram", "MinMax", "MovingAverage", "Percentile", "SquaredError"]
