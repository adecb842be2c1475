import numpy as np
import pytest

from nncompress.pruning import channels_to_keep, dependency_groups, scale_scores, shrink_scales, shrink_to
from nnlite import models, nn


def network(scales):
    model = nn.Sequential(nn.Conv2d(1, len(scales), 3, padding=1, rng=0), nn.BatchNorm2d(len(scales)), nn.ReLU(), nn.Flatten(),
                          nn.Linear(4 * len(scales), 3, rng=1))
    model[1].weight.data = np.array(scales, np.float32)
    return model


def test_scales_are_pulled_towards_0_and_stop_there():
    model = network([1, -0.5, 0.125, -0.25])
    before = model[0].weight.data.copy()
    shrink_scales(model, 0.25)
    assert model[1].weight.data.tolist() == [0.75, -0.25, 0, 0] and model[1].weight.dtype == np.float32
    np.testing.assert_array_equal(model[0].weight.data, before)


def test_the_step_minimises_the_scales_l1_term_with_the_distance():
    gamma, amount = 0.3, 0.2                                                # min_v ½ (v − γ)² + amount |v|
    grid = np.linspace(-1, 1, 20001)
    best = grid[np.argmin(0.5 * (grid - gamma) ** 2 + amount * np.abs(grid))]
    model = network([gamma])
    shrink_scales(model, amount)
    assert model[1].weight.data[0] == pytest.approx(best, abs=1e-4)


def test_the_channels_of_the_smallest_scales_go_from_all_groups_together():
    model = models.resnet(8, in_channels=1, width=0.25)
    x, rng = np.zeros((1, 1, 8, 8), np.float32), np.random.default_rng(0)
    groups = dependency_groups(model, x)
    for name, parameter in model.named_parameters():
        if "bn" in name and name.endswith("weight"):
            parameter.data = rng.normal(size=parameter.shape).astype(np.float32)
    state = model.state_dict()
    scores = scale_scores(model, groups)
    assert set(scores) == {group.name for group in groups}
    np.testing.assert_allclose(scores["conv1"], np.abs(state["bn1.weight"]) + np.abs(state["block1_1.block.bn2.weight"]))
    keep = channels_to_keep(scores, 0.3, scope="global")
    together = sorted(s for array in scores.values() for s in array)
    limit = together[round(0.3 * len(together))]
    for name, kept in keep.items():
        assert kept.tolist() == [c for c, s in enumerate(scores[name]) if s >= limit]
    shrink_to(model, groups, keep)
    assert model(x).shape == (1, 10)


def test_a_group_that_would_lose_all_keeps_its_best_channel():
    keep = channels_to_keep({"a": np.array([0.1, 0.3, 0.2]), "b": np.array([1.0, 2.0, 3.0])}, 0.5, scope="global")
    assert {name: kept.tolist() for name, kept in keep.items()} == {"a": [1], "b": [0, 1, 2]}


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="shrink_scales: Linear has no BatchNorm with a scale"):
        shrink_scales(nn.Linear(2, 2, rng=0), 0.1)
    with pytest.raises(ValueError, match="the amount lr · λ has to be a number from 0 up, got -0.1"):
        shrink_scales(network([1.0]), -0.1)
    with pytest.raises(ValueError, match="channels_to_keep: the scope is 'group' or 'global', got 'layer'"):
        channels_to_keep({"a": np.ones(2)}, 0.5, "layer")
