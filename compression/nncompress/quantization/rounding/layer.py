"""What a rounding has to know about a layer."""

from typing import NamedTuple

import numpy as np

from nncompress.quantization.input_moments import InputMoments


class Layer(NamedTuple):
    """The weights of one layer, the steps in which they are counted, and what they are multiplied by.

    w (O, K) float32; S (O,) float32, one step for each row; the integers go from −top to top.
    inputs: the moments of x on the calibration images; of G groups, the first O/G rows of w belong to the first.
    """

    name: str
    w: np.ndarray
    S: np.ndarray
    top: int
    inputs: InputMoments
