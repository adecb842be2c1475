"""Calibration: which real range does an activation take? Run real inputs through the model and watch.

Source: Krishnamoorthi 2018 (arXiv 1806.08342), §2.5 and §3.1.
"""

import numpy as np

from nncompress.quantization.affine import affine_parameters, check_finite


class MinMax:
    """The smallest and the largest value seen so far, together with 0.

        low = min(0, min x)        high = max(0, max x)

    0 is always inside, as affine quantization needs it; before anything was seen the range is [0, 0].

    >>> seen = MinMax()
    >>> seen.observe([0.5, 2.0])
    >>> seen.observe([-1.0])
    >>> seen.low, seen.high
    (-1.0, 2.0)
    """

    def __init__(self):
        self.low, self.high = 0.0, 0.0

    def observe(self, x):
        """Widen the range to the values of x, an array of any shape. ValueError if x has NaN or infinity."""
        x = np.asarray(x)
        check_finite("MinMax.observe", x)
        self.low = float(np.min(x, initial=self.low))
        self.high = float(np.max(x, initial=self.high))


def activation_parameters(seen, qmin=0, qmax=255):
    """Scale S (float32) and zero point Z (int) of an activation, from the range that a `MinMax` has seen.

    The default integers are uint8's. See `affine_parameters`.

    >>> activation_parameters(MinMax())
    (np.float32(1.0), 0)
    """
    return affine_parameters(seen.low, seen.high, qmin, qmax)
