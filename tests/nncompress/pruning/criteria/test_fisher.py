import numpy as np
import pytest

from nncompress.pruning.criteria import fisher_scores
from nncompress.pruning.evidence import Evidence


def test_the_score_is_half_the_squared_weight_times_the_mean_squared_gradient():
    w, F = np.float32([[2, -3], [0, 1]]), np.array([[0.5, 1.0], [9.0, 4.0]])
    assert fisher_scores(w, Evidence(fisher=F)).tolist() == [[1, 4.5], [0, 2]]


def test_without_a_fisher_it_says_how_to_collect_one():
    with pytest.raises(ValueError, match=r"fisher_scores: needs the fisher of the weight; collect\(model, loader, what"):
        fisher_scores(np.ones(2), Evidence(gradient=np.ones(2)))
