import numpy as np
import pytest

from nncompress.pruning import criterion_masks
from nncompress.pruning.criteria import wanda_scores
from nncompress.pruning.evidence import Evidence, collect
from nnlite import nn


def test_the_score_is_the_magnitude_times_the_norm_of_the_input():
    w, norm = np.float32([[2, -3], [0, 1]]), np.array([[0.5, 2.0], [0.5, 2.0]])
    assert wanda_scores(w, Evidence(input_norm=norm)).tolist() == [[1, 6], [0, 2]]


def test_a_small_weight_with_a_large_input_stays_and_a_large_one_with_a_small_input_goes():
    model = nn.Linear(3, 2, rng=0)
    model.weight.data = np.float32([[5, 1, 2], [-4, 3, 1]])
    x = np.float32([[0.1, 3, 0], [0.0, 4, 1]])                              # norms 0.1, 5, 1
    evidence = collect(model, [(x[:1], None), (x[1:], None)], what=["input_norm"])
    masks = criterion_masks(model, wanda_scores, 2 / 3, evidence, scope="row")
    assert masks["weight"].tolist() == [[False, True, False], [False, True, False]]
    np.testing.assert_allclose(wanda_scores(model.weight.data, evidence["weight"]), [[0.5, 5, 2], [0.4, 15, 1]], rtol=1e-6)


def test_without_norms_it_says_how_to_collect_them():
    with pytest.raises(ValueError, match="wanda_scores: needs the input_norm of the weight"):
        wanda_scores(np.ones(2), None)
