import numpy as np
import pytest

from nncompress.pruning import shrink
from nncompress.pruning.criteria import geometric_median_scores
from nnlite import nn


def test_the_score_of_a_filter_is_the_sum_of_its_distances_from_all():
    w = np.zeros((3, 1, 1, 2))
    w[1, 0, 0], w[2, 0, 0] = (3, 4), (0, 4)                                 # distances 5, 4 and 3
    scores = geometric_median_scores(w)
    np.testing.assert_allclose(scores.sum(axis=(1, 2, 3)), [9, 8, 7])
    assert scores.shape == w.shape and (scores[:, 0, 0, 0] == scores[:, 0, 0, 1]).all()


def test_the_filter_in_the_middle_goes_even_if_it_is_not_small():
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.ReLU(), nn.Linear(3, 2, rng=1))
    model[0].weight.data = np.float32([[1, 0], [10, 10], [20, 20]])
    kept = shrink(model, np.zeros((1, 2), np.float32), 1 / 3, geometric_median_scores)
    assert kept["0"].tolist() == [0, 2]


def test_one_filter_has_no_distances():
    with pytest.raises(ValueError, match=r"the weight \(1, 5\) has one filter, and distances need two"):
        geometric_median_scores(np.ones((1, 5)))
