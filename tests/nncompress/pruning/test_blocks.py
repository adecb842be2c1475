import copy
import math

import numpy as np
import pytest

import nnlite
from nncompress.articles import layers_left
from nncompress.pruning.blocks import block_influence, drop_blocks, find_blocks, lowest_blocks
from nnlite import data, models, nn, optim
from nnlite.train import evaluate, fit

RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((6, 3, 8, 8)).astype(np.float32)


def linear(w):
    layer = nn.Linear(len(w), len(w), bias=False, rng=0)
    layer.weight.data = np.float32(w)
    return layer


def test_the_articles_formula_gives_a_number_of_layers_that_is_seldom_whole():
    assert [layers_left(4, t) for t in (0, 0.25, 0.3, 1)] == [4, 3, pytest.approx(2.8), 0]
    with pytest.raises(ValueError, match="layers_left: the threshold has to be a number from 0 to 1, got 2"):
        layers_left(4, 2)


def test_residual_blocks_and_layers_of_equal_width_can_go_the_logits_and_changes_of_shape_cannot():
    assert list(find_blocks(models.resnet(), IMAGES)) == ["block1_1", "block2_1", "block3_1"]
    mlp = models.mlp(192, (8, 8, 4, 4), dropout=0.5)
    assert find_blocks(mlp, IMAGES) == {"fc2": ["fc2", "relu2", "dropout2"], "fc4": ["fc4", "relu4", "dropout4"]}
    assert find_blocks(models.mlp(10, 10), IMAGES[:, :, 0, 0:1].reshape(6, 3)[:, [0] * 10]) == {"fc1": ["fc1", "relu1"]}
    with pytest.raises(TypeError, match="find_blocks: the model is a Linear, expects a Sequential"):
        find_blocks(nn.Linear(2, 2, rng=0), IMAGES)


def test_the_influence_is_one_minus_the_mean_cosine_of_input_and_result():
    c, s = math.cos(0.5), math.sin(0.5)
    weights = [[3, 0], [0, 3]], [[c, -s], [s, c]], [[1, 0], [0, 0]], [[1, 0], [0, 1]]
    model = nn.Sequential(*map(linear, weights))
    x = np.float32([[1, 0], [0, 2]])
    third = [math.cos(0.5), math.sin(0.5)]                    # cos of (c, s) with (c, 0), and of (−s, c) with (−s, 0)
    loader = [(x[:1], None), (x[1:], None)]
    expected = {"0": 0, "1": 1 - math.cos(0.5), "2": 1 - sum(third) / 2}
    assert block_influence(model, loader) == pytest.approx(expected, abs=1e-6)


def test_batches_of_any_size_give_the_mean_over_all_images_and_the_mode_comes_back():
    model = models.resnet(width=0.25)
    whole = block_influence(model, [(IMAGES, None)])
    parts = block_influence(model, [(IMAGES[:1], None), (IMAGES[1:], None)])
    assert whole == pytest.approx(parts, rel=1e-4) and model.training
    assert all(0 < value < 1 for value in whole.values())


def test_of_a_residual_with_a_layer_as_shortcut_the_shortcut_is_compared_and_stays():
    model = models.resnet(width=0.25).eval()
    before = model.conv1.weight.data.copy()
    x = model.block1_1(model.relu1(model.bn1(model.conv1(IMAGES))))
    kept = np.maximum(model.block2_1.shortcut(x).data, 0).reshape(6, -1)
    result = model.block2_1(x).data.reshape(6, -1)
    cosines = (kept * result).sum(1) / np.linalg.norm(kept, axis=1) / np.linalg.norm(result, axis=1)
    assert block_influence(model, [(IMAGES, None)])["block2_1"] == pytest.approx(1 - cosines.mean(), abs=1e-5)
    drop_blocks(model, ["block2_1"], IMAGES)
    np.testing.assert_allclose(model.block2_1(x).data.reshape(6, -1), kept, rtol=1e-5)
    np.testing.assert_array_equal(model.conv1.weight.data, before)


def test_the_lowest_go_as_many_as_the_article_says():
    influence = {"a": 0.2, "b": 0.1, "c": 0.4, "d": 0.1}
    assert [lowest_blocks(influence, t) for t in (0, 0.25, 0.5, 0.75, 1)] == [
        [], ["b"], ["b", "d"], ["a", "b", "d"], ["a", "b", "c", "d"]]


def test_dropped_blocks_are_gone_and_the_model_runs_in_a_plan_too():
    model = models.resnet(14, width=0.25)
    layers = len(list(model.children()))
    drop_blocks(model, ["block1_2", "block2_1", "block3_2"], IMAGES)
    assert len(list(model.children())) == layers - 2 and not hasattr(model, "architecture")
    np.testing.assert_allclose(nnlite.compile(model, IMAGES)(IMAGES), model.eval()(IMAGES).data, rtol=1e-3, atol=1e-4)


def test_a_block_without_influence_can_go_without_a_change():
    model = models.mlp(192, (8, 8, 8))
    model.fc2.weight.data, model.fc2.bias.data = np.eye(8, dtype=np.float32), np.zeros(8, np.float32)
    before, influence = model(IMAGES).data, block_influence(model, [(IMAGES, None)])
    assert abs(influence["fc2"]) < 1e-6 < influence["fc3"]
    drop_blocks(model, lowest_blocks(influence, 0.5), IMAGES)
    np.testing.assert_array_equal(model(IMAGES).data, before)


def test_bad_requests_are_refused_and_nothing_changes():
    model = models.mlp(192, (8, 8))
    with pytest.raises(ValueError, match=r"drop_blocks: \['fc1'\] cannot go, only \['fc2'\] can"):
        drop_blocks(model, ["fc2", "fc1"], IMAGES)
    assert hasattr(model, "fc2") and hasattr(model, "architecture")
    with pytest.raises(ValueError, match="block_influence: the loader gives no batch"):
        block_influence(model, [])
    with pytest.raises(ValueError, match="no block of the model keeps the shape of its input, or is a Residual"):
        block_influence(models.mlp(192, 8), [(IMAGES, None)])


def test_on_digits_two_layers_go_and_fine_tuning_repairs_it():
    train, test = data.load("digits")
    preparation = data.preprocessing("digits")
    loader = data.DataLoader(train, 64, shuffle=True, transform=preparation)
    held_out = data.DataLoader(test, 360, transform=preparation)
    model = models.mlp(64, (40, 40, 40, 40))
    fit(model, loader, optim.Adam(model.parameters(), lr=3e-3), 8, progress=False)
    before, shallow = evaluate(model, held_out)["accuracy"], copy.deepcopy(model)
    drop_blocks(shallow, lowest_blocks(block_influence(model, loader), 0.67), data.prepare(test[:1], "digits"))
    fit(shallow, loader, optim.Adam(shallow.parameters(), lr=3e-3), 6, progress=False)
    assert len(list(shallow.children())) == len(list(model.children())) - 4
    assert evaluate(shallow, held_out)["accuracy"] > before - 0.03
