import numpy as np
import pytest

from nncompress.pruning.criteria import obs_scores
from nncompress.pruning.evidence import Evidence


def test_the_score_is_half_the_squared_weight_over_the_inverses_diagonal():
    H = np.array([[[2.0, 1.0], [1.0, 1.0]]])                                # H⁻¹ = [[1, −1], [−1, 2]]
    w = np.array([[1.0, 3.0], [-2.0, 1.0]])
    expected = [[1 / 2, 9 / 4], [2, 1 / 4]]
    np.testing.assert_allclose(obs_scores(w, Evidence(input_moments=H)), expected, rtol=1e-4)


def test_each_group_of_a_convolution_has_its_own_moments_and_a_biass_1_is_left_out():
    H = np.array([np.diag([1.0, 4.0, 1.0]), np.diag([9.0, 16.0, 1.0])])
    scores = obs_scores(np.ones((2, 2, 1, 1)), Evidence(input_moments=H))
    np.testing.assert_allclose(scores.reshape(2, 2), [[0.5, 2], [4.5, 8]], rtol=1e-4)


def test_moments_of_another_layer_are_refused():
    with pytest.raises(ValueError, match=r"obs_scores: moments \(1, 4, 4\) do not fit the weight \(3, 2\), which has 2 inputs"):
        obs_scores(np.ones((3, 2)), Evidence(input_moments=np.eye(4)[None]))
    with pytest.raises(ValueError, match="obs_scores: needs the input_moments of the weight"):
        obs_scores(np.ones((3, 2)), None)
