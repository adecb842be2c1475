"""The range that loses least information, by the divergence of two histograms.

Source: Migacz 2017, "8-bit Inference with TensorRT", GTC, slides 35–42 (the pseudocode).
"""

import numpy as np

from nncompress.quantization.observers.histogram import HALF, Histogram

STRIDE = 8  # every eighth end of a bin is tried as the end of the range


class Entropy(Histogram):
    """The range whose rounded distribution has the smallest divergence from the original one.

        T = argmin KL(P_T ‖ Q_T)        KL(P ‖ Q) = Σ_i P_i ln(P_i / Q_i)        low, high = −T, T, within the values seen

    P_T: the counts of |x| in the bins up to T; the last bin also gets all values beyond T, which will be cut off to T.
    Q_T: the counts in these bins without the values beyond, after rounding to `levels` integers: the bins of one integer share
    their sum equally, and empty bins stay empty.
    levels: 128 integers for [0, T], or 256 if no value is negative. The first bin counts no more than the second, because many
    values are exactly 0, and rounding does not change these.
    """

    def divergence(self, counts, i):
        """KL(P ‖ Q) with T at the end of bin i − 1; counts: those of |x|, float64 (n,), from bin 0."""
        levels = 128 if self.low < 0 else 256
        P, inside = counts[:i].copy(), counts[:i]
        P[-1] += counts[i:].sum()
        level = np.arange(i) * levels // i
        filled = np.bincount(level, inside > 0, levels)
        Q = np.where(inside > 0, (np.bincount(level, inside, levels) / np.maximum(filled, 1))[level], 0)
        some = P > 0
        if Q.sum() == 0 or not Q[some].all():
            return np.inf
        P, Q = P[some] / P.sum(), Q[some] / Q.sum()
        return float((P * np.log(P / Q)).sum())

    def range(self):
        """(low, high)"""
        counts = (self.counts[HALF:] + self.counts[HALF - 1 :: -1]).astype(np.float64)
        counts[0] = min(counts[0], counts[1])
        last = len(counts) - int(np.argmax(counts[::-1] > 0)) if counts.any() else 0
        best, T = np.inf, last * self.width
        for i in range(last, 255, -STRIDE):  # the first of equals wins, so that nothing is cut off in vain
            divergence = self.divergence(counts, i)
            if divergence < best:
                best, T = divergence, i * self.width
        return self.clip(-T, T)
