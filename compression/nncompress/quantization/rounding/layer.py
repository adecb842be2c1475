"""The layer that a rounding gets: its weights, their steps, and the moments of its inputs."""

from typing import NamedTuple

import numpy as np

from nncompress.quantization.input_moments import InputMoments


class Layer(NamedTuple):
    """The weights of one layer, their steps, and the moments of what they are multiplied by.

    name: of the layer.   w (O, K) float32.   S (O,) float32, the step of each row.   top: the integers go from −top to top.
    inputs: the moments of the inputs x on the calibration images. With G groups, the first O/G rows of w belong to the first.
    """

    name: str
    w: np.ndarray
    S: np.ndarray
    top: int
    inputs: InputMoments
