import numpy as np
import pytest

from nncompress.pruning import criterion_masks, prunable_weights
from nncompress.pruning.criteria import snip_scores
from nncompress.pruning.evidence import Evidence, collect
from nnlite import nn


def test_the_score_is_a_weights_share_of_the_sensitivity_of_all_layers():
    weights = {"a": np.float32([[1, -2]]), "b": np.float32([4])}
    evidence = {"a": Evidence(gradient=np.array([[3.0, 1.0]])), "b": Evidence(gradient=np.array([-0.75]))}
    criterion = snip_scores(weights, evidence)                              # |g·w| = 3, 2 and 3
    assert criterion(weights["a"], evidence["a"]).tolist() == [[3 / 8, 2 / 8]]
    assert criterion(weights["b"], evidence["b"]).tolist() == [3 / 8]


def test_at_the_initial_weights_a_connection_that_nothing_flows_through_goes_first():
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 3)).astype(np.float32), rng.integers(0, 2, 16)
    x[:, 1] = 0                                                             # no flow from input 1: 4 of 20 weights
    evidence = collect(model, [(x, y)], what=["gradient"])
    criterion = snip_scores(prunable_weights(model), evidence)
    masks = criterion_masks(model, criterion, 4 / 20, evidence, scope="global")
    assert masks["0.weight"].tolist() == [[True, False, True]] * 4 and masks["2.weight"].all()
    scores = [criterion(w, evidence[name]) for name, w in prunable_weights(model).items()]
    assert sum(s.sum() for s in scores) == pytest.approx(1, rel=1e-12)


def test_a_sum_of_zero_or_nan_and_a_missing_gradient_are_refused():
    for g, found in ((0.0, "0.0"), (np.nan, "nan")):
        with pytest.raises(ValueError, match=rf"snip_scores: Σ \|g · w\| over all weights is {found}"):
            snip_scores({"a": np.ones(2)}, {"a": Evidence(gradient=np.full(2, g))})
    with pytest.raises(ValueError, match="snip_scores: needs the gradient of the weight"):
        snip_scores({"a": np.ones(2)}, {})
