import copy

import numpy as np
import pytest

from nncompress.pruning.criteria import random_scores
from nncompress.pruning.layer_curves import sensitivity
from nncompress.pruning.magnitude import magnitude_masks
from nnlite import nn
from nnlite.train import evaluate

LOADER = [(np.random.default_rng(1).normal(size=(60, 1, 5, 5)).astype(np.float32), np.arange(60) % 4)]


def small_network():
    return nn.Sequential(nn.Conv2d(1, 3, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(27, 4, rng=1))


def test_each_score_is_that_of_the_model_with_one_layer_pruned():
    model = small_network()
    before = model.state_dict()
    curves = sensitivity(model, LOADER, [0.25, 0.6, 1.0])
    assert curves.dense == evaluate(model, LOADER)["accuracy"]
    for name, scores in curves.scores.items():
        for s, score in zip([0.25, 0.6, 1.0], scores, strict=True):
            twin = copy.deepcopy(model)
            magnitude_masks(twin, {name: s}).apply()
            assert score == evaluate(twin, LOADER)["accuracy"]
    assert list(curves.scores) == ["0.weight", "3.weight"] and curves.sparsities.tolist() == [0.25, 0.6, 1.0]
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_another_score_criterion_and_choice_of_layers_are_used():
    model = small_network()

    def zeros(model, data):
        assert data == "data"
        return int((model[3].weight.data == 0).sum())

    curves = sensitivity(model, "data", [0.5, 0.75], random_scores(0), names=["3.weight"], score=zeros)
    assert curves.dense == 0 and list(curves.scores) == ["3.weight"] and curves.scores["3.weight"].tolist() == [54, 81]


def test_the_weights_come_back_also_after_an_error():
    model = small_network()
    before = model.state_dict()

    def fails(model, data):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        sensitivity(model, LOADER, score=fails)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_bad_requests_are_refused():
    model = small_network()
    with pytest.raises(ValueError, match=r"sensitivity: the sparsities have to rise, got \[0.5, 0.5\]"):
        sensitivity(model, LOADER, [0.5, 0.5])
    with pytest.raises(ValueError, match="sensitivity: a sparsity has to be a number from 0 to 1, got 1.5"):
        sensitivity(model, LOADER, [0.5, 1.5])
    with pytest.raises(ValueError, match=r"sensitivity: there is no \['fc'\] to prune, only \['0.weight', '3.weight'\]"):
        sensitivity(model, LOADER, names=["fc"])
