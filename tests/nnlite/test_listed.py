import json

import numpy as np
import pytest

from nnlite import checkpoint, load, nn, save
from nnlite.architecture import architecture_of, build_model
from nnlite.errors import FormatError
from nnlite.listed import OPTIONS, build_listed, list_of_layers


def convolutional():
    """A model with each kind of layer that takes images, all of whose options are other than usual."""
    shortcut = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False, rng=1), nn.BatchNorm2d(4, eps=1e-3, momentum=None))
    return nn.Sequential({
        "conv": nn.Conv2d(2, 4, (3, 1), stride=(1, 2), padding=(1, 0), dilation=(1, 2), groups=2, rng=0),
        "leaky": nn.LeakyReLU(0.3), "block": nn.Residual(nn.Sequential(nn.Conv2d(4, 4, 1, padding="same", rng=2)), shortcut),
        "max": nn.MaxPool2d(2, 1, ceil_mode=True), "avg": nn.AvgPool2d((2, 1), padding=(1, 0), count_include_pad=False),
        "plain": nn.Residual(nn.Identity()), "pool": nn.AdaptiveAvgPool2d((2, 1)), "flat": nn.Flatten(),
        "fc": nn.Linear(8, 5, bias=False, rng=3), "norm": nn.BatchNorm1d(5), "gelu": nn.GELU("tanh"),
        "layer_norm": nn.LayerNorm(5, eps=1e-2), "drop": nn.Dropout(0.25), "plus": nn.Softplus(2.0), "tanh": nn.Tanh(),
        "sigmoid": nn.Sigmoid(), "relu": nn.ReLU(), "soft": nn.Softmax(1), "log": nn.LogSoftmax(1),
    })


X = np.random.default_rng(0).standard_normal((3, 2, 7, 9)).astype(np.float32)


def test_a_sequential_is_built_again_from_its_checkpoint_alone(tmp_path):
    model = convolutional()
    model(X)  # running statistics other than 0 and 1
    save(tmp_path / "m.npz", model)
    again = load(tmp_path / "m.npz")
    assert repr(again) == repr(model)
    np.testing.assert_array_equal(again.eval()(X).data, model.eval()(X).data)
    kinds = {type(layer).__name__ for _, layer in model.named_modules()}
    assert kinds >= OPTIONS.keys() - {"Embedding"}


def test_an_embedding_is_listed_too(tmp_path):
    model = nn.Sequential(nn.Embedding(5, 3, rng=0), nn.Flatten(), nn.Linear(6, 2, rng=1))
    save(tmp_path / "m.npz", model)
    words = np.array([[0, 4], [2, 2]])
    np.testing.assert_array_equal(load(tmp_path / "m.npz")(words).data, model(words).data)


def test_the_list_is_plain_json():
    layers = list_of_layers(nn.Sequential({"fc": nn.Linear(2, 3, rng=0), "pool": nn.MaxPool2d((2, 1))}))
    assert layers == [["fc", "Linear", {}],
                      ["pool", "MaxPool2d", {"kernel_size": [2, 1], "stride": [2, 1], "padding": 0, "ceil_mode": False}]]
    assert json.loads(json.dumps(layers)) == layers


class Own(nn.Module):
    architecture = None

    def forward(self, x):
        return x


class OwnLinear(nn.Linear):
    pass


def shared():
    layer = nn.Linear(2, 2, rng=0)
    return nn.Sequential(layer, layer)


def with_a_parameter():
    model = nn.Sequential(nn.Linear(2, 2, rng=0))
    model.gain = nn.Parameter(np.ones(1, np.float32))
    return model


@pytest.mark.parametrize("model", [
    Own(), nn.Linear(2, 2, rng=0), nn.Sequential(Own()), nn.Sequential(OwnLinear(2, 2, rng=0)), shared(), with_a_parameter(),
    nn.Sequential(nn.Sequential(Own())), nn.Sequential(nn.Residual(Own())), nn.Sequential(nn.Residual(nn.ReLU(), Own())),
    nn.Sequential(nn.ModuleList([nn.ReLU()])),
], ids=lambda model: type(model).__name__)
def test_other_models_are_not_listed(model):
    assert list_of_layers(model) is None and architecture_of(model) is None


def test_a_shrunk_layer_is_built_in_its_new_size(tmp_path):
    model = nn.Sequential(nn.Linear(4, 6, rng=0), nn.ReLU(), nn.Linear(6, 2, rng=1))
    model[0].weight.data, model[0].bias.data, model[2].weight.data = (
        model[0].weight.data[:3], model[0].bias.data[:3], model[2].weight.data[:, :3])
    save(tmp_path / "m.npz", model)
    again = load(tmp_path / "m.npz")
    assert (again[0].out_features, again[2].in_features) == (3, 3)


ARRAYS = {"0.weight": np.ones((3, 2), np.float32), "0.bias": np.ones(3, np.float32)}


@pytest.mark.parametrize("layers", [
    None, 3, [["0"]], [["0", "Linear"]], [["0", "Linear", None]], [["0", "Linear", {"rng": 1}]], [["0", "Conv2d", {}]],
    [["0", "Module", {}]], [["0", "register_parametrization", {}]], [["", "ReLU", {}]], [["a.b", "ReLU", {}]],
    [["forward", "ReLU", {}]], [["1", "Linear", {}]], [["0", "Sequential", {}]], [["0", "Residual", {"block": None}]],
    [["0", "Dropout", {"p": 7}]], [[["0"], "ReLU", {}]], [["1", "LeakyReLU", {}]], [["0", ["Linear"], {}]],
    [["0", "BatchNorm2d", {"eps": 1, "momentum": 0.1, "more": 2}]],
])
def test_a_list_that_makes_no_sense_is_refused(layers):
    with pytest.raises(FormatError, match="m.npz: manifest.json: layers cannot be built from "):
        build_model("m.npz", {"name": "layers", "arguments": {"layers": layers}}, ARRAYS)


def test_nothing_larger_than_the_arrays_is_built():
    model = build_listed([["0", "Linear", {}]], ARRAYS)
    assert model[0].weight.shape == (3, 2)


def test_a_class_that_a_file_names_is_not_run(tmp_path):
    model = Own()
    model.architecture = {"name": "own", "arguments": {"model": "my_net.py:Net", "given": {}}}
    save(tmp_path / "m.npz", model)
    with pytest.raises(ValueError, match=r"m.npz holds a model of the class 'my_net.py:Net': give --model my_net.py:Net, or"):
        load(tmp_path / "m.npz")
    assert load(tmp_path / "m.npz", Own()).architecture is None and checkpoint.load_state(
        tmp_path / "m.npz").architecture["name"] == "own"
