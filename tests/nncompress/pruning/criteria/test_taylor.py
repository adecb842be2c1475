import numpy as np
import pytest

from nncompress.pruning.criteria import taylor_scores
from nncompress.pruning.evidence import Evidence, collect
from nnlite import functional as F
from nnlite import nn


def test_the_score_is_the_magnitude_of_gradient_times_weight():
    w, g = np.float32([[2, -3], [0, 1]]), np.array([[0.5, 1.0], [9.0, -4.0]])
    assert taylor_scores(w, Evidence(gradient=g)).tolist() == [[1, 3], [0, 4]]


def test_in_a_linear_loss_the_score_is_how_much_the_loss_changes_without_the_weight():
    model = nn.Linear(4, 3, rng=0)
    x, direction = np.random.default_rng(0).normal(size=(6, 4)), np.array([1.0, -2.0, 0.5])
    model.weight.data = model.weight.data.astype(np.float64)
    model.bias.data = model.bias.data.astype(np.float64)

    def loss(y, _):
        return (y * direction).sum() / len(x)

    scores = taylor_scores(model.weight.data, collect(model, [(x, None)], loss, ["gradient"])["weight"])
    for o, i in np.ndindex(3, 4):
        w = model.weight.data.copy()
        w[o, i] = 0
        change = ((x @ w.T - x @ model.weight.data.T) * direction).sum() / len(x)
        assert scores[o, i] == pytest.approx(abs(change), rel=1e-9)


def test_without_a_gradient_it_says_how_to_collect_one():
    for evidence in (None, Evidence(input_norm=np.ones(2))):
        with pytest.raises(ValueError, match=r"taylor_scores: needs the gradient of the weight; collect\(model, loader, what"):
            taylor_scores(np.ones(2), evidence)


def test_dead_units_go_first():
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.ReLU(), nn.Linear(3, 2, rng=1))
    model[0].bias.data[:] = 0, -100, 0                                      # unit 1 is never above 0
    rng = np.random.default_rng(0)
    batches = [(rng.normal(size=(32, 2)).astype(np.float32), rng.integers(0, 2, 32))]
    evidence = collect(model, batches, F.cross_entropy, ["gradient"])
    assert not taylor_scores(model[0].weight.data, evidence["0.weight"])[1].any()
    assert taylor_scores(model[0].weight.data, evidence["0.weight"])[[0, 2]].all()
