"""Rounding chooses the integer of each weight. One rule a file.

    q = rounding(layer)        layer a `Layer` -> integers (O, K), −top … top

    round_nearest   the nearest integer
    adaround        the integer below or above, so that the layer's output on real inputs changes least
    round_by_rate   an integer nearby for which a coder needs few bits

`quantize(…, rounding=adaround)` takes any of them; options are given by `functools.partial(adaround, steps=2000)`.
"""

from nncompress.quantization.rounding.adaptive import adaround
from nncompress.quantization.rounding.layer import Layer
from nncompress.quantization.rounding.nearest import round_nearest
from nncompress.quantization.rounding.rate_distortion import round_by_rate

__all__ = ["Layer", "adaround", "round_by_rate", "round_nearest"]
