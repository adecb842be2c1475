import numpy as np
import pytest

from nncompress.pruning.criteria import obd_scores
from nncompress.pruning.evidence import Evidence, collect
from nnlite import functional as F
from nnlite import nn


def test_the_score_is_half_the_squared_weight_times_the_curvature():
    w, h = np.float32([[2, -3], [0, 1]]), np.array([[0.5, 1.0], [9.0, -4.0]])
    assert obd_scores(w, Evidence(curvature=h)).tolist() == [[1, 4.5], [0, -2]]


def test_in_the_minimum_of_a_quadratic_the_score_is_how_much_the_loss_grows():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(9, 4)), rng.normal(size=(1, 4))
    model = nn.Linear(4, 1, bias=False, rng=0)
    model.weight.data = w.copy()
    target = x @ w.T                                                        # the loss is 0, its minimum
    scores = obd_scores(w, collect(model, [(x, target)], F.mse_loss, ["curvature"])["weight"])
    for i in range(4):
        without = w.copy()
        without[0, i] = 0
        assert scores[0, i] == pytest.approx(np.mean((x @ without.T - target) ** 2), rel=1e-9)


def test_without_a_curvature_it_says_how_to_collect_one():
    with pytest.raises(ValueError, match="obd_scores: needs the curvature of the weight; collect"):
        obd_scores(np.ones(2), None)
