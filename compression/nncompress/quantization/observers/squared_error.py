"""The range with the smallest squared error.

Source: Banner et al. 2019 (arXiv 1810.05723), §3; the search over a grid: Nagel et al. 2021 (arXiv 2106.08295), §3.1, "MSE".
"""

import numpy as np

from nncompress.quantization.affine import affine_parameters, dequantize, quantize_affine
from nncompress.quantization.observers.histogram import Histogram

SHARES = np.arange(100, 0, -1) / 100  # of the largest value; the first of equals wins, so that nothing is cut off in vain


class SquaredError(Histogram):
    """The range whose rounding and cutting off together change the values least.

        low, high = argmin Σ_i counts_i (c_i − S (q_i − Z))²        q_i = clamp(round(c_i / S) + Z, 0, 255)

    c_i is the middle of bin i; S and Z follow from the range (`affine_parameters`). First high is searched for, among 1 %, 2 %,
    …, 100 % of the largest value, with low at the smallest value; then low in the same way.
    """

    def error(self, low, high):
        """Σ_i counts_i (c_i − S (q_i − Z))²"""
        lower, upper, counts = self.bins()
        c = (lower + upper) / 2
        S, Z = affine_parameters(low, high, 0, 255)
        return float(counts @ (c - dequantize(quantize_affine(c, S, Z, 0, 255, np.uint8), S, Z)) ** 2)

    def range(self):
        """(low, high)"""
        high = min(self.high * SHARES, key=lambda high: self.error(self.low, high))
        low = min(self.low * SHARES, key=lambda low: self.error(low, high))
        return float(low), float(high)
