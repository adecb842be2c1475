import numpy as np
import pytest

from nncompress.pruning.surgery import Surgery, surgery_mask, surgery_thresholds
from nnlite import nn, optim
from nnlite.train import fit


def test_small_weights_go_large_ones_return_and_those_between_stay():
    W = np.array([0.39, 0.4, -0.59, 0.6, -0.39, -0.6])
    for T in (True, False):
        assert surgery_mask(W, np.full(6, T), 0.4, 0.6).tolist() == [False, T, T, True, False, True]
    with pytest.raises(ValueError, match="the thresholds have to be 0 ≤ a ≤ b, got 2 and 1"):
        surgery_mask(W, np.ones(6, bool), 2, 1)


def test_the_thresholds_lie_a_tenth_around_mean_plus_deviations():
    W = np.float32([1, -2, 6])                       # |W| has mean 3 and deviation √(14/3)
    middle = 3 + 0.5 * (14 / 3) ** 0.5
    assert surgery_thresholds(W, 0.5) == pytest.approx((0.9 * middle, 1.1 * middle))
    assert surgery_thresholds(W, -9) == (0, 0)


def layer_with(weights):
    layer = nn.Linear(len(weights), 1, bias=False, rng=0)
    layer.weight.data = np.float32([weights])
    return layer


def test_a_removed_weight_goes_on_learning_and_returns_when_it_is_large():
    layer = layer_with([4, 1, 3, 2])                 # mean 2.5: c = 0 gives a = 2.25, b = 2.75
    surgery = Surgery(layer, 0.0, steps=10)
    w = layer.weight
    assert w.data.tolist() == [[4, 0, 3, 0]]
    for expected in ([3, 0, 3, 0], [2.5, 0, 3, 3]):  # what "the optimizer" does: −1, +1, 0, +½ at first
        w.data = w.data + (np.float32([[-1, 1, 0, 0.5]]) if expected[0] == 3 else np.float32([[-0.5, -3, 0, 0.5]]))
        surgery.after_step()
        assert w.data.tolist() == [expected]
    assert surgery.latent["weight"].tolist() == [[2.5, -1, 3, 3]]
    assert surgery.masks["weight"].tolist() == [[True, False, True, True]]


def test_after_its_steps_the_masks_stay_and_the_kept_weights_go_on():
    layer = layer_with([4, 1, 3, 2])
    surgery = Surgery(layer, 0.0, steps=0)
    layer.weight.data = layer.weight.data + np.float32([[-4, 9, 1, 9]])
    surgery.after_step()
    assert surgery.masks["weight"].tolist() == [[True, False, True, False]]
    assert layer.weight.data.tolist() == [[0, 0, 4, 0]]


def test_in_training_the_network_is_always_the_masked_latent_weights():
    model = nn.Sequential(nn.Linear(8, 12, rng=0), nn.ReLU(), nn.Linear(12, 3, rng=1))
    rng = np.random.default_rng(0)
    surgery = Surgery(model, {"0.weight": 0.5}, steps=6)
    masks, moved = [], []

    def after_step():
        before = surgery.latent["0.weight"].copy(), surgery.masks["0.weight"].copy()
        surgery.after_step()
        np.testing.assert_array_equal(model[0].weight.data, surgery.latent["0.weight"] * surgery.masks["0.weight"])
        moved.append((surgery.latent["0.weight"] != before[0])[~before[1]].any())
        masks.append(surgery.masks["0.weight"])

    x, y = rng.normal(size=(64, 8)).astype(np.float32), rng.integers(0, 3, 64)
    fit(model, [(x, y)], optim.Adam(model.parameters(), lr=0.05), 9, after_step=after_step, progress=False)
    assert all(moved) and list(surgery.masks) == ["0.weight"]
    assert any((masks[0] != mask).any() for mask in masks[1:6])
    assert all((masks[5] == mask).all() for mask in masks[6:])


def test_a_layer_that_would_be_empty_is_refused():
    with pytest.raises(ValueError, match="Surgery: all 4 latent weights of weight are below .*, the layer would be empty"):
        Surgery(layer_with([1, 2, 3, 4]), 5.0, steps=1)
    with pytest.raises(ValueError, match=r"Surgery: there is no \['fc'\] to prune"):
        Surgery(layer_with([1, 2]), {"fc": 1.0}, steps=1)
