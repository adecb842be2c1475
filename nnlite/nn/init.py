"""PyTorch's default initialisation, and a check of the sizes to initialise."""

from numbers import Integral

import numpy as np


def uniform_fan_in(shape, fan_in, rng):
    """Numbers from U(−1/√fan_in, 1/√fan_in), float32: `kaiming_uniform_(a=√5)` for weights, and what biases get as well.

    fan_in: how many numbers one output adds up; 0 gives zeros. rng: a Generator. Each weight has variance 1/(3 fan_in), so
    activations neither grow nor fade much from layer to layer.
    Source: He et al. 2015 (arXiv 1502.01852), eq. 14 with gain √(2/(1 + 5)).
    """
    bound = 1 / np.sqrt(fan_in) if fan_in else 0.0
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def check_sizes(layer, **sizes):
    """ValueError for a size that is not a whole number from 1 up; the sizes are given by name."""
    for name, size in sizes.items():
        if not isinstance(size, Integral) or size < 1:
            raise ValueError(f"{layer}: {name} has to be a whole number from 1 up, got {size}")
