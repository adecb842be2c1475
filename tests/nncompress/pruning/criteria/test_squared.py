import numpy as np

from nncompress.pruning.criteria import squared_scores


def test_the_score_is_the_square_and_small_float32_weights_do_not_vanish():
    assert squared_scores(np.array([[-2.0, 0.0], [0.5, 3.0]])).tolist() == [[4, 0], [0.25, 9]]
    assert squared_scores(np.float32([2.0**-100])).tolist() == [2.0**-200]
