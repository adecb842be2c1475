import numpy as np
import pytest

from nnlite import models, nn
from nntransfer.fusion import greedy_soup


def numbers(*weights):
    layers = [nn.Linear(1, 1, bias=False) for _ in weights]
    for layer, w in zip(layers, weights, strict=True):
        layer.weight.data = np.float32([[w]])
    return layers


def nearness_to_1(model):
    return -abs(float(model.weight.data.item()) - 1)


def test_a_greedy_soup_by_hand():
    # Best first: 1.5, 0.25, −1, 4. (1.5 + 0.25)/2 = 0.875 is nearer to 1, (1.5 + 0.25 − 1)/3 = 0.25 is not, nor (… + 4)/3.
    soup, kept, score = greedy_soup(numbers(4, 0.25, -1, 1.5), nearness_to_1)
    assert (soup.weight.data.item(), kept, score) == (0.875, [3, 1], -0.125)


def test_a_model_that_changes_nothing_joins_and_of_equals_the_first_begins():
    assert greedy_soup(numbers(2, 2, 9), nearness_to_1)[1] == [0, 1]


def test_the_soup_is_at_least_as_good_as_the_best_single_one():
    rng = np.random.default_rng(0)
    for _ in range(20):
        models = numbers(*rng.standard_normal(5))
        assert greedy_soup(models, nearness_to_1)[2] >= max(map(nearness_to_1, models))


def test_a_soup_of_one_keeps_the_running_statistics_of_its_model():
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    model[1].running_mean.data = np.float32([7])
    soup, _, _ = greedy_soup([model], lambda model: 0, loader=[(np.float32([[0], [1]]),)])
    assert soup[1].running_mean.data == 7 and soup is not model


def test_unlike_models_are_refused():
    with pytest.raises(ValueError, match="greedy_soup: models 0 and 1 are not alike: fc1"):
        greedy_soup([models.mlp(hidden=3), models.mlp(hidden=4)], lambda model: 0)
