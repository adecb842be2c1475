import numpy as np

from nncompress.pruning.criteria import magnitude_scores


def test_the_score_is_the_magnitude():
    assert magnitude_scores(np.float32([[-2, 0], [0.5, 3]])).tolist() == [[2, 0], [0.5, 3]]
