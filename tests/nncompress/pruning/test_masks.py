import numpy as np
import pytest

import nnlite
from nncompress.pruning import agp_sparsity, magnitude_masks, shrink
from nncompress.pruning.masks import Masks, nonzero_masks, prunable_weights
from nnlite import functional as F
from nnlite import nn, optim
from nnlite.checkpoint import load_state
from nnlite.train import fit


def small_network():
    return nn.Sequential(nn.Conv2d(1, 4, 3, rng=0), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(36, 3, rng=1))


def train(model, optimizer, after_step, steps=6):
    """A training loop on random images."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 1, 8, 8)).astype(np.float32), rng.integers(0, 3, 16)
    model.train()
    for step in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        after_step(step)


def mask_gradients_too(model, optimizer, masks):
    """An optimizer step that never sees a gradient of a removed weight."""
    plain_step = optimizer.step

    def step():
        for name, parameter in model.named_parameters():
            if name in masks:
                parameter.grad = parameter.grad * masks[name]
        plain_step()

    optimizer.step = step


def test_conv_and_linear_weights_are_prunable_and_a_shared_one_is_listed_once():
    assert list(prunable_weights(small_network())) == ["0.weight", "5.weight"]
    layer = nn.Linear(3, 3, rng=0)
    assert list(prunable_weights(nn.Sequential(layer, nn.ReLU(), layer))) == ["0.weight"]
    assert list(prunable_weights(layer)) == ["weight"]


def test_applying_masks_zeroes_the_removed_weights_and_touches_nothing_else():
    model = small_network()
    before = model.state_dict()
    masks = magnitude_masks(model, 0.5)
    masks.apply()
    for name, array in model.state_dict().items():
        expected = [w if kept else 0 for w, kept in zip(before[name].ravel(), masks[name].ravel(), strict=True)] \
            if name in masks else before[name].ravel().tolist()
        assert array.ravel().tolist() == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_removed_becomes_zero_whatever_it_was_and_in_any_layout(dtype):
    layer = nn.Linear(4, 2, bias=False, rng=0)
    values = np.array([[-1, np.nan, np.inf, -0.0], [2.5, -3, 1e-40, 7]], dtype)
    for w in (values.copy(), np.asfortranarray(values), np.repeat(values, 2, axis=1)[:, ::2]):
        layer.weight.data = w
        masks = Masks(layer, {"weight": np.array([[False, False, False, False], [True, True, True, False]])})
        masks.apply()
        expected = np.array([[0, 0, 0, 0], [2.5, -3, values[1, 2], 0]], dtype)
        assert layer.weight.data.tobytes() == expected.tobytes() and layer.weight.data is w


@pytest.mark.parametrize("make_optimizer", [
    lambda parameters: optim.SGD(parameters, lr=0.1),
    lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=1e-3),
    lambda parameters: optim.Adam(parameters, lr=0.01),
])
def test_masks_are_kept_through_retraining_and_the_kept_weights_go_as_if_they_were_alone(make_optimizer):
    model, alone = small_network(), small_network()
    masks = magnitude_masks(model, 0.7)
    masks.apply()
    Masks(alone, masks).apply()
    start = model.state_dict()

    train(model, make_optimizer(model.parameters()), lambda step: masks.apply())
    optimizer = make_optimizer(alone.parameters())
    mask_gradients_too(alone, optimizer, masks)
    train(alone, optimizer, lambda step: None)

    for name, w in model.state_dict().items():
        np.testing.assert_array_equal(w, alone.state_dict()[name])
    for name, mask in masks.items():
        w = model.state_dict()[name]
        assert not w[~mask].any() and (w[mask] != start[name][mask]).any()


def test_fit_keeps_the_masks_after_every_step():
    model = small_network()
    masks = magnitude_masks(model, 0.7)
    rng = np.random.default_rng(0)
    batches = [(rng.normal(size=(8, 1, 8, 8)).astype(np.float32), rng.integers(0, 3, 8)) for _ in range(3)]
    start = model.state_dict()
    fit(model, batches, optim.SGD(model.parameters(), lr=0.1), 2, after_step=masks.apply, progress=False)
    for name, mask in masks.items():
        w = dict(model.named_parameters())[name].data
        assert not w[~mask].any() and (w[mask] != start[name][mask]).all()


def test_without_masks_retraining_brings_the_removed_weights_back():
    model = small_network()
    magnitude_masks(model, 0.7).apply()
    train(model, optim.SGD(model.parameters(), lr=0.1), lambda step: None)
    assert nonzero_masks(model).sparsity() < 0.1


def test_gradual_pruning_follows_the_schedule_and_a_removed_weight_stays_removed():
    model = small_network()
    removed = []

    def prune(step):
        s = agp_sparsity(step, start=0, steps=5, final=0.8)
        magnitude_masks(model, s).apply()
        removed.append({name: w == 0 for name, w in prunable_weights(model).items()})
        assert [int(zero.sum()) for zero in removed[-1].values()] == [round(s * 36), round(s * 108)]

    train(model, optim.SGD(model.parameters(), lr=0.1), prune)
    for before, after in zip(removed, removed[1:], strict=False):
        assert all((after[name] >= before[name]).all() for name in before)


def test_counts_and_sparsity_count_what_is_removed():
    model = small_network()
    masks = magnitude_masks(model, {"0.weight": 0.25, "5.weight": 0.5})
    assert nonzero_masks(model).sparsity() == 0 and nonzero_masks(model).count == 144
    masks.apply()
    assert masks.count == nonzero_masks(model).count == 144 - 9 - 54
    assert masks.sparsity() == nonzero_masks(model).sparsity() == (9 + 54) / 144
    assert Masks(model, {}).sparsity() == Masks(model, {}).count == 0


def test_masks_are_found_again_from_the_zeros():
    model = small_network()
    masks = magnitude_masks(model, 0.5)
    masks.apply()
    for name, mask in nonzero_masks(model).items():
        np.testing.assert_array_equal(mask, masks[name])


def test_masks_shrink_along_with_the_model():
    model = small_network()
    masks, before = magnitude_masks(model, 0.5), magnitude_masks(model, 0.5)
    masks.apply()
    kept = shrink(model, np.zeros((1, 1, 8, 8), np.float32), 0.5, masks=masks)["0"]
    np.testing.assert_array_equal(masks["0.weight"], before["0.weight"][kept])
    np.testing.assert_array_equal(masks["5.weight"].reshape(3, 2, 9), before["5.weight"].reshape(3, 4, 9)[:, kept])
    masks.apply()
    for name, mask in nonzero_masks(model).items():
        np.testing.assert_array_equal(mask, masks[name])
    with pytest.raises(ValueError, match=r"the mask of 0.weight has shape \(4, 1, 3, 3\), the weight \(2, 1, 3, 3\); shrink\("):
        before.apply()


def test_a_checkpoint_stores_masks_and_gives_them_back(tmp_path):
    model = small_network()
    masks = magnitude_masks(model, 0.7)
    nnlite.save(tmp_path / "a.npz", model, masks=masks)
    other = small_network()
    found = Masks(other, load_state(tmp_path / "a.npz").masks)
    assert list(found) == list(masks)
    found.apply()
    for name, w in prunable_weights(other).items():
        np.testing.assert_array_equal(w != 0, masks[name])


def test_and_keeps_what_both_keep_and_the_masks_that_only_one_has():
    model = nn.Sequential(nn.Linear(2, 1, rng=0), nn.Linear(1, 1, rng=0))
    one = Masks(model, {"0.weight": np.array([[True, False]]), "0.bias": np.array([False])})
    both = one & {"0.weight": np.array([[True, True]]), "1.weight": np.array([[False]])}
    assert {name: mask.tolist() for name, mask in both.items()} == {
        "0.weight": [[True, False]], "0.bias": [False], "1.weight": [[False]]}
    both.apply()
    assert model[0].weight.data[0, 0] != 0 and not model[0].weight.data[0, 1] and not model[1].weight.data.any()


def test_masks_that_do_not_fit_are_refused_and_change_nothing():
    model = small_network()
    before = model.state_dict()
    good = {"0.weight": np.zeros((4, 1, 3, 3), bool)}
    with pytest.raises(ValueError, match="the model has no parameter 7.weight"):
        Masks(model, good | {"7.weight": np.zeros(3, bool)})
    with pytest.raises(TypeError, match=r"the mask of 5.weight holds int64, expects booleans \(True: kept\)"):
        Masks(model, good | {"5.weight": np.zeros((3, 36), np.int64)})
    masks = Masks(model, good)
    masks["5.weight"] = np.zeros((36, 3), bool)  # put in later: it is found when the masks are applied
    with pytest.raises(ValueError, match=r"the mask of 5.weight has shape \(36, 3\), the weight \(3, 36\)"):
        masks.apply()
    for name, w in model.state_dict().items():
        np.testing.assert_array_equal(w, before[name])
