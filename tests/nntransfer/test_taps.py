import numpy as np
import pytest
from support import sample

import nnlite
from nnlite import functional as F
from nnlite import models, nn, no_grad
from nnlite.nn.fusion import in_one_pass
from nntransfer import tap

LAYERS = ["conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "flatten", "fc1", "relu3", "fc2"]


def images(N=3):
    return sample((N, 1, 8, 8)).astype(np.float32)


def a_cnn():
    return models.cnn(in_channels=1, image_size=8, width=0.25, seed=1)


def hooks(model):
    return [name for name, module in model.named_modules() if "forward_hooks" in vars(module)]


@pytest.mark.parametrize("names", [[name] for name in LAYERS] + [LAYERS])
def test_features_are_what_the_layers_give_one_by_one_and_the_logits_keep_their_bits(names):
    model, x = a_cnn(), images()
    expected, each = model(x), {}
    y = x
    for name, layer in model.named_children():
        y = each[name] = layer(y)
    with tap(model, names) as features:
        logits = model(x)
    assert set(features) == set(names)
    for name in names:
        np.testing.assert_array_equal(features[name].data, each[name].data)
    np.testing.assert_array_equal(logits.data, expected.data)


def test_a_loss_on_a_feature_trains_the_layers_below_it_and_no_other():
    model, x = a_cnn(), images()
    with tap(model, ["conv2"]) as features:
        model(x)
    F.sum(features["conv2"] * 2.0).backward()
    moved = [name for name, parameter in model.named_parameters() if parameter.grad is not None]
    assert moved == ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"]
    np.testing.assert_allclose(model.conv2.bias.grad, np.full(8, 2.0 * 3 * 4 * 4))  # a bias counts at 3 images × 4 × 4 pixels


def test_the_last_layers_feature_is_the_tensor_that_the_model_returns():
    model = a_cnn()
    with tap(model, ["fc2"]) as features:
        assert model(images()) is features["fc2"]


def test_without_gradients_a_feature_is_a_constant():
    model = a_cnn()
    with tap(model, ["conv2"]) as features, no_grad():
        model(images())
    assert features["conv2"].operation is None and not features["conv2"].requires_grad


def test_each_pass_leaves_its_own_features_and_the_last_stay_after_the_block():
    model = a_cnn()
    with tap(model, ["conv1"]) as features:
        for N in (2, 5, 4):
            model(images(N))
            assert len(features["conv1"]) == N
    model(images(7))
    assert len(features["conv1"]) == 4


def test_the_model_is_afterwards_as_it_was():
    model = a_cnn()
    other = model.conv1.register_forward_hook(lambda layer, inputs, y: None)
    with tap(model, ["conv1", "relu2"]):
        assert hooks(model) == ["", "conv1", "relu2"]
        assert [len(group) for group in in_one_pass(list(model))] == [1, 1, 1, 1, 1, 1, 1, 2, 1]
    assert hooks(model) == ["conv1"]
    other.remove()
    assert [len(group) for group in in_one_pass(list(model))] == [3, 3, 1, 2, 1]
    with pytest.raises(RuntimeError, match="mine"), tap(model, ["fc1"]):
        raise RuntimeError("mine")
    assert hooks(model) == []


def test_taps_may_be_nested():
    model = a_cnn()
    with tap(model, ["conv1"]) as outer:
        with tap(model, ["conv1", "fc1"]) as inner:
            model(images())
        assert outer["conv1"] is inner["conv1"]
        model(images(2))
    assert len(outer["conv1"]) == 2 and len(inner["conv1"]) == 3


def test_a_layer_at_any_depth_has_the_name_of_its_parameters():
    model = models.resnet(in_channels=1, width=0.25)
    with tap(model, ["block2_1.block.conv1", "block2_1"]) as features:
        model.eval()(images())
    assert features["block2_1.block.conv1"].shape == (3, 8, 4, 4)
    assert (features["block2_1"].data >= 0).all()
    layers = nn.Sequential(nn.ModuleDict({}), nn.Flatten())[1:]
    with tap(layers, ["1"]) as features:
        layers(images())
    assert features["1"].shape == (3, 64)


def test_a_tap_sees_what_an_earlier_hook_made_of_the_output():
    model = nn.Sequential(nn.ReLU())
    model[0].register_forward_hook(lambda layer, inputs, y: y * 10)
    with tap(model, ["0"]) as features:
        model(np.array([[-1.0, 2.0]]))
    assert features["0"].data.tolist() == [[0.0, 20.0]]


def test_a_layer_that_runs_twice_in_a_pass_is_refused_under_either_name():
    relu = nn.ReLU()
    model = nn.Sequential(nn.Linear(4, 4, rng=0), relu, nn.Linear(4, 4, rng=1), relu)
    for name in ("1", "3"):
        message = f"^tap: layer '{name}' ran a second time before a pass of the Sequential ended"
        with tap(model, [name]), pytest.raises(RuntimeError, match=message):
            model(np.ones((2, 4), np.float32))
    assert hooks(model) == []


def test_a_layer_that_did_not_run_is_named():
    class Either(nn.Module):
        def __init__(self):
            self.a, self.b = nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=0)

        def forward(self, x):
            return (self.a if len(x) == 1 else self.b)(x)

    model = Either()
    with tap(model, ["a", "b"]) as features:
        model(np.ones((1, 2), np.float32))
        model(np.ones((3, 2), np.float32))
    assert list(features) == ["b"]
    with pytest.raises(KeyError, match="the last pass gave no feature of a layer 'a', only of: b"):
        features["a"]


@pytest.mark.parametrize(("name", "nearest"), [("conv3", "conv2, conv1"), ("fc", "fc2, fc1"), ("conv1.weight", "conv1"),
                                               ("forward", ""), ("", "")])
def test_a_layer_that_the_model_does_not_have_is_refused_with_the_nearest_names(name, nearest):
    with pytest.raises(ValueError, match=f"^tap: the Sequential has no layer '{name}'; nearest: {nearest}"):
        enter(a_cnn(), [name])


def enter(model, names):
    with tap(model, names):
        pass


def test_what_has_no_layers_and_what_names_none_is_refused():
    model = a_cnn()
    for other, kind in ((nnlite.compile(model, images()), "Plan"), (lambda x: x, "function")):
        with pytest.raises(TypeError, match=f"^tap: expects a Module, got {kind}; a plan or a function has no layers to tap$"):
            enter(other, ["conv1"])
    with pytest.raises(TypeError, match=r"^tap: expects a list of names, such as \['conv1'\], got the string 'conv1'$"):
        enter(model, "conv1")
    with pytest.raises(TypeError, match="^tap: a layer's name is a string such as 'conv2', got 0$"):
        enter(model, [0])
