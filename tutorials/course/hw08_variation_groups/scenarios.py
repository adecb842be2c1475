"""What the tests ask of your code: your functions as they are, and a network that computes with them."""

import numpy as np
from variation import (  # noqa: F401
    divide_half_even,
    matmul_groups,
    power_of_two,
    quantize_groups,
    requantize_power_of_two,
    requantize_single,
)


def network(q, S, Z, layers, bits, group, S2):
    """64 → 16 → 10 with weights in groups: q (N, 64) uint8 with S and Z -> logits (N, 10).   layers: (w1, b1, w2, b2)"""
    w1, b1, w2, b2 = layers
    hidden = np.maximum(S * matmul_groups(q, Z, *quantize_groups(w1, group, bits)) + b1, 0)
    q2 = np.clip(np.rint(hidden / S2), 0, 255).astype(np.uint8)
    return S2 * matmul_groups(q2, 0, *quantize_groups(w2, group, bits)) + b2
