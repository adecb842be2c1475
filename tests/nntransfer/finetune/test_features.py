import copy

import numpy as np
import pytest

from nnlite import data, models, nn, no_grad, optim
from nnlite.train import fit
from nntransfer import freeze, replace_head, unfreeze
from nntransfer.finetune import FeatureLoader, features_once, head_inputs, split_model


def digits(n=96, shuffle=False):
    training, _ = data.load("digits")
    return data.DataLoader(training[:n], 32, shuffle=shuffle, seed=3, transform=data.preprocessing("digits"))


def a_model():
    return models.cnn(in_channels=1, image_size=8, width=0.25)


def test_the_two_parts_one_after_the_other_are_the_model():
    model, images = a_model(), np.random.default_rng(0).standard_normal((5, 1, 8, 8)).astype(np.float32)
    below, above = split_model(model, "fc1")
    with no_grad():
        np.testing.assert_array_equal(above(below(images)).data, model(images).data)
    assert above.fc2 is model.fc2 and below.conv1 is model.conv1 and not hasattr(below, "fc1")


def test_training_on_kept_features_is_training_with_a_frozen_body():
    model = a_model()
    replace_head(model, 10, rng=1)
    twin = copy.deepcopy(model)

    freeze(twin)
    unfreeze(twin, "fc2")
    expected = fit(twin, digits(shuffle=True), optim.SGD(twin.parameters(), lr=0.1, momentum=0.9), 3, progress=False)

    below, above = split_model(model, "fc2")
    batches = FeatureLoader(*features_once(below, digits()), batch_size=32, shuffle=True, seed=3)
    history = fit(above, batches, optim.SGD(above.parameters(), lr=0.1, momentum=0.9), 3, progress=False)

    assert [row["loss"] for row in history] == pytest.approx([row["loss"] for row in expected], rel=1e-5)
    for name, array in model.state_dict().items():
        np.testing.assert_allclose(array, twin.state_dict()[name], atol=1e-5)


def test_each_image_passes_once_and_the_part_infers():
    passes = []
    below = nn.Sequential(nn.Flatten(), nn.Dropout(0.9, rng=0))
    below.register_forward_hook(lambda layer, inputs, y: passes.append(len(y)))
    features, labels = features_once(below, digits())
    assert passes == [32, 32, 32] and below.training
    np.testing.assert_array_equal(features, data.prepare(digits().dataset, "digits").reshape(96, 64))
    np.testing.assert_array_equal(labels, digits().dataset.labels)


def test_the_heads_inputs_give_its_logits():
    model = a_model()
    features, logits, labels = head_inputs(model, digits())
    assert features.shape == (96, 32) and logits.shape == (96, 10)
    w, b = model.fc2.weight.data, model.fc2.bias.data
    np.testing.assert_allclose(np.einsum("nd,cd->nc", features, w) + b, logits, atol=1e-5)
    assert not vars(model.fc2).get("forward_hooks")
    np.testing.assert_array_equal(labels, digits().dataset.labels)


def test_a_pass_in_order_and_passes_in_new_orders_give_each_feature_once():
    features, labels = np.arange(10.0).reshape(5, 2), np.arange(5)
    assert [batch.tolist() for _, batch in FeatureLoader(features, labels, 2)] == [[0, 1], [2, 3], [4]]
    shuffled = FeatureLoader(features, labels, 2, shuffle=True, seed=0)
    orders = [np.concatenate([batch for _, batch in shuffled]).tolist() for _ in range(4)]
    assert len(shuffled) == 3 and all(sorted(order) == list(range(5)) for order in orders) and orders[0] != orders[1]
    for x, y in shuffled:
        np.testing.assert_array_equal(x, features[y])


def test_what_cannot_be_split_or_loaded_is_refused():
    with pytest.raises(TypeError, match="split_model: expects a Sequential, .* got Linear"):
        split_model(nn.Linear(2, 2, rng=0), "weight")
    with pytest.raises(ValueError, match="has no layer 'fc3' directly below it, only conv1, relu1, .*fc2"):
        split_model(a_model(), "fc3")
    with pytest.raises(ValueError, match="'conv1' is the first layer, so no layer is left below it"):
        split_model(a_model(), "conv1")
    with pytest.raises(ValueError, match="FeatureLoader: 3 features, 2 labels"):
        FeatureLoader(np.ones((3, 2)), np.zeros(2, int))
    with pytest.raises(ValueError, match="FeatureLoader: batch_size 0, expected at least 1"):
        FeatureLoader(np.ones((3, 2)), np.zeros(3, int), 0)
    with pytest.raises(ValueError, match="features_once: the loader gives no batch"):
        features_once(a_model(), [])
    with pytest.raises(ValueError, match="head_inputs: there is no Linear layer in this Sequential"):
        head_inputs(nn.Sequential(nn.Flatten()), digits())
