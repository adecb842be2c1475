import copy
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_network

from nnlite import models, nn
from nnlite.inference.groups import dependency_groups
from nntransfer.fusion import align, match_weights, permute_channels


def logits(model, images):
    return copy.deepcopy(model).eval()(images).data


def shuffled(model, example, seed=0):
    """(a copy with all channels in random places, the permutations)"""
    rng = np.random.default_rng(seed)
    permutations = {group.name: rng.permutation(group.size) for group in dependency_groups(model, example)}
    return permute_channels(model, example, permutations), permutations


def uneven(model, seed=0):
    """BatchNorm with scales, shifts and statistics of each channel's own."""
    rng = np.random.default_rng(seed)
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if "bn" in name:
            tensor.data = rng.uniform(0.5, 1.5, tensor.shape).astype(np.float32)
    return model


def test_two_neurons_change_places_in_all_three_arrays():
    model = models.mlp(in_features=1, hidden=2, classes=1)
    model.fc1.weight.data, model.fc1.bias.data = np.float32([[1], [2]]), np.float32([3, 4])
    model.fc2.weight.data = np.float32([[5, 6]])
    moved = permute_channels(model, np.zeros((1, 1), np.float32), {"fc1": [1, 0]})
    assert moved.fc1.weight.data.tolist() == [[2], [1]]
    assert moved.fc1.bias.data.tolist() == [4, 3]
    assert moved.fc2.weight.data.tolist() == [[6, 5]]
    assert model.fc1.bias.data.tolist() == [3, 4]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_permuted_network_computes_the_same(seed):
    model, images = random_network(seed)
    moved, _ = shuffled(model, images)
    expected = logits(model, images)
    np.testing.assert_allclose(logits(moved, images), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("model, shape", [
    (models.lenet_5(width=0.3, seed=1), (2, 1, 28, 28)),
    (models.cnn(1, 8, width=0.5, seed=1), (2, 1, 8, 8)),
    (uneven(models.resnet(8, 1, width=0.3, seed=1)), (2, 1, 8, 8)),
], ids=["lenet_5", "cnn", "resnet"])
def test_matching_finds_the_order_that_a_shuffle_has_destroyed(model, shape):
    images = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    moved, permutations = shuffled(model, images[:1])
    assert any((p != np.arange(len(p))).any() for p in permutations.values())
    np.testing.assert_allclose(logits(moved, images), logits(model, images), rtol=1e-4, atol=1e-5)
    back = align(model, moved, images[:1])
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(back.state_dict()[name], array, name)


def test_of_all_orders_of_one_layer_the_nearest_is_found():
    fixed, moving = (models.mlp(in_features=3, hidden=5, classes=2, seed=seed) for seed in (0, 1))
    x = np.zeros((1, 3), np.float32)

    def distance(p):
        moved = permute_channels(moving, x, {"fc1": p}).state_dict()
        return sum(np.square(array - moved[name]).sum() for name, array in fixed.state_dict().items())

    found = match_weights(fixed, moving, x)["fc1"]
    assert distance(found) == min(map(distance, itertools.permutations(range(5))))


class Stream(nn.Module):
    """x + layer(x): the layer reads and writes the same channels, so its weight is in one group twice."""

    def __init__(self, seed):
        self.enter, self.layer, self.leave = nn.Linear(3, 6, rng=seed), nn.Linear(6, 6, rng=seed), nn.Linear(6, 2, rng=seed)

    def forward(self, x):
        x = self.enter(x)
        return self.leave(x + self.layer(x))


def test_a_residual_stream_moves_as_a_whole():
    model, x = Stream(0), np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    moved, _ = shuffled(model, x)
    np.testing.assert_allclose(logits(moved, x), logits(model, x), rtol=1e-4, atol=1e-6)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(align(model, moved, x).state_dict()[name], array)


def test_the_matched_weights_are_never_farther_apart_than_before():
    for seed in range(5):
        fixed, moving, x = Stream(seed), Stream(seed + 10), np.zeros((1, 3), np.float32)
        moved = align(fixed, moving, x, seed)
        before, after = (sum(np.square(array - other.state_dict()[name]).sum() for name, array in fixed.state_dict().items())
                         for other in (moving, moved))
        assert after <= before


def test_the_same_seed_gives_the_same_permutations():
    fixed, moving = (models.mlp(in_features=6, hidden=[8, 8, 8], classes=2, seed=seed) for seed in (0, 1))
    x = np.zeros((1, 6), np.float32)
    one, two = match_weights(fixed, moving, x, seed=3), match_weights(fixed, moving, x, seed=3)
    assert {name: p.tolist() for name, p in one.items()} == {name: p.tolist() for name, p in two.items()}


def test_what_does_not_fit_is_named():
    model, x = models.mlp(in_features=3, hidden=2, classes=2), np.zeros((1, 3), np.float32)
    with pytest.raises(ValueError, match="match_weights: models 0 and 1 are not alike: fc1"):
        match_weights(model, models.mlp(in_features=3, hidden=4, classes=2), x)
    with pytest.raises(ValueError, match="there is no group 'fc2', only: fc1"):
        permute_channels(model, x, {"fc2": [1, 0]})
    with pytest.raises(ValueError, match=r"fc1 has 2 channels, expected each of 0 … 1 once"):
        permute_channels(model, x, {"fc1": [1, 1]})
