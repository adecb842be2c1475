"""The nearest integer.

Source: Jacob et al. 2018 (arXiv 1712.05877), eq. 1.
"""

import numpy as np

from nncompress.quantization.affine import quantize_affine


def round_nearest(layer):
    """q = clamp(round(w / S), −top, top), halves to even.   layer: `Layer` -> int8 (O, K)"""
    return quantize_affine(layer.w, layer.S, 0, -layer.top, layer.top, np.int8)
