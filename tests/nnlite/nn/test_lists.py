import numpy as np
import pytest

from nnlite import functional as F
from nnlite import load, nn, save
from nnlite.optim import SGD


class Blocks(nn.Module):
    """x through each layer of a ModuleList, then through one of a ModuleDict, times the parameters of a ParameterList."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.layers = nn.ModuleList([nn.Linear(3, 3, rng=rng), nn.Dropout(0.5, rng=rng.spawn(1)[0]), nn.Linear(3, 3, rng=rng)])
        self.heads = nn.ModuleDict({"small": nn.Linear(3, 1, rng=rng), "large": nn.Linear(3, 2, rng=rng)})
        self.scales = nn.ParameterList([nn.Parameter(np.ones(2, np.float32)), nn.Parameter(np.full(2, 3, np.float32))])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.heads["large"](x) * self.scales[0] * self.scales[-1]


NAMES = ["layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias", "heads.small.weight", "heads.small.bias",
         "heads.large.weight", "heads.large.bias", "scales.0", "scales.1"]


def test_layers_and_parameters_in_lists_are_found_by_name():
    assert [name for name, _ in Blocks().named_parameters()] == NAMES


def test_layers_in_lists_are_trained_put_to_eval_and_their_generators_found():
    model = Blocks()
    before = model.state_dict()
    F.mse_loss(model(np.ones((4, 3), np.float32)), np.zeros((4, 2), np.float32)).backward()
    SGD(model.parameters(), lr=0.1).step()
    changed = [name for name, array in model.state_dict().items() if not np.array_equal(array, before[name])]
    assert set(changed) == set(NAMES) - {"heads.small.weight", "heads.small.bias"}
    assert model.generators() == [model.layers[1].rng]
    assert not any(module.training for module in model.eval().modules())


def test_layers_in_lists_are_saved_and_loaded_bit_for_bit(tmp_path):
    model, x = Blocks(1).eval(), np.ones((4, 3), np.float32)
    save(tmp_path / "a.npz", model)
    assert load(tmp_path / "a.npz", Blocks(2)).eval()(x).data.tobytes() == model(x).data.tobytes()


def test_a_module_list_works_like_a_list():
    a, b, c, d = (nn.ReLU() for _ in range(4))
    layers = nn.ModuleList([a, b])
    assert (len(layers), layers[0], layers[-1], list(layers)) == (2, a, b, [a, b])
    assert layers.append(c) is layers
    layers.extend([d, a])
    assert list(layers) == [a, b, c, d, a]
    assert [name for name, _ in layers.named_children()] == ["0", "1", "2", "3"]  # a once
    layers[1] = d
    layers[-1] = b
    assert list(layers) == [a, d, c, d, b]
    del layers[0]
    layers.insert(1, a)
    assert list(layers) == [d, a, c, d, b]
    assert sorted(name for name in vars(layers)) == ["0", "1", "2", "3", "4"]
    assert c in layers and nn.ReLU() not in layers


def test_a_slice_of_a_module_list_is_a_module_list():
    a, b, c = nn.ReLU(), nn.Tanh(), nn.Sigmoid()
    part = nn.ModuleList([a, b, c])[1:]
    assert type(part) is nn.ModuleList
    assert list(part) == [b, c]
    assert [name for name, _ in part.named_children()] == ["0", "1"]


@pytest.mark.parametrize("change", [
    lambda layers: layers.append(F.relu), lambda layers: layers.extend([F.relu]), lambda layers: layers.insert(0, F.relu),
    lambda layers: layers.__setitem__(0, F.relu),
])
def test_a_module_list_refuses_what_is_not_a_layer(change):
    layers = nn.ModuleList([nn.ReLU()])
    with pytest.raises(TypeError, match="ModuleList: .* is the function relu: a layer is a Module"):
        change(layers)
    assert len(layers) == 1


@pytest.mark.parametrize("i", [1, -2])
def test_an_index_without_an_entry_is_named(i):
    layers = nn.ModuleList([nn.ReLU()])
    for use in (layers.__getitem__, layers.__delitem__, lambda i: layers.__setitem__(i, nn.ReLU())):
        with pytest.raises(IndexError, match=rf"ModuleList: there is no \[{i}\], it has 1 entries"):
            use(i)


def test_a_parameter_list_works_like_a_list():
    a, b, c = (nn.Parameter([float(i)]) for i in range(3))
    parameters = nn.ParameterList([a, b])
    parameters.append(c)
    assert [id(p) for p in parameters] == [id(a), id(b), id(c)]
    assert [name for name, _ in parameters[1:].named_parameters()] == ["0", "1"]
    assert parameters[-1] is c


@pytest.mark.parametrize("value", [[nn.Parameter([1.0]) * 2], [np.ones(2)], [nn.ReLU()]])
def test_a_parameter_list_refuses_what_is_not_a_parameter(value):
    with pytest.raises(TypeError, match="ParameterList: 'append' is a (Tensor|ndarray|ReLU), expected an nn.Parameter"):
        nn.ParameterList(value)


def test_one_parameter_is_not_taken_for_a_list_of_its_rows():
    with pytest.raises(TypeError, match="ParameterList: takes a list of entries, got one Parameter"):
        nn.ParameterList(nn.Parameter(np.ones((2, 2))))


def test_a_module_dict_works_like_a_dict():
    a, b, c = nn.ReLU(), nn.Tanh(), nn.Sigmoid()
    layers = nn.ModuleDict({"x": a})
    layers["y"] = b
    layers.update({"x": c})
    assert (len(layers), list(layers), layers["x"], "y" in layers, "training" in layers) == (2, ["x", "y"], c, True, False)
    assert (list(layers.keys()), list(layers.values()), list(layers.items())) == (["x", "y"], [c, b], [("x", c), ("y", b)])
    del layers["x"]
    assert list(layers.named_children()) == [("y", b)]
    assert len(nn.ModuleDict()) == 0


@pytest.mark.parametrize(("layers", "message"), [
    ({"a": F.relu}, "ModuleDict: 'a' is the function relu"),
    ({1: nn.ReLU()}, "ModuleDict: keys are strings, got 1"),
    ({"a.b": nn.ReLU()}, "ModuleDict: a ReLU needs a name without a dot, got 'a.b'"),
    ({"keys": nn.ReLU()}, "ModuleDict: a ReLU cannot be named 'keys', which is a method"),
])
def test_a_module_dict_refuses_what_would_be_lost(layers, message):
    with pytest.raises(TypeError, match=message):
        nn.ModuleDict(layers)


@pytest.mark.parametrize("key", ["missing", "training"])
def test_a_key_without_a_layer_is_a_key_error(key):
    layers = nn.ModuleDict({"a": nn.ReLU()})
    layers.training = False
    for use in (layers.__getitem__, layers.__delitem__):
        with pytest.raises(KeyError, match=key):
            use(key)
