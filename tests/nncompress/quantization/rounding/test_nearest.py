import numpy as np

from nncompress.quantization.rounding import Layer, round_nearest


def test_each_weight_gets_the_nearest_integer_and_ends_are_clamped():
    w, S = np.float32([[0.24, -0.26, 9], [2.4, -2.6, 2]]), np.float32([0.5, 4])
    np.testing.assert_array_equal(round_nearest(Layer("fc", w, S, 3, None)), [[0, -1, 3], [1, -1, 0]])
