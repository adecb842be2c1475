from collections import OrderedDict

import numpy as np
import pytest

from nnlite import functional as F
from nnlite import nn


def double(x):
    return 2 * x


class Step(nn.Module):
    """A Module out of a function."""

    def __init__(self, function):
        self.function = function

    def forward(self, x):
        return self.function(x)


def test_sequential_applies_its_layers_in_order():
    model = nn.Sequential(Step(lambda x: x + 1), Step(lambda x: x * 10))
    assert model(2) == 30


def test_sequential_runs_named_layers_in_the_order_of_assignment():
    model = nn.Sequential()
    model.later = Step(lambda x: x + 1)
    model.earlier = Step(lambda x: x * 10)
    assert model(2) == 30
    assert [name for name, _ in model.named_children()] == ["later", "earlier"]


def test_an_empty_sequential_is_the_identity():
    assert nn.Sequential()(5) == 5


def test_sequential_is_indexed_like_a_list():
    layers = [nn.Linear(2, 3, rng=0), nn.ReLU(), nn.Linear(3, 4, rng=0)]
    model = nn.Sequential(*layers)
    assert len(model) == 3
    assert [model[0], model[1], model[-1]] == layers
    assert list(model) == layers
    with pytest.raises(IndexError):
        model[3]


def test_a_slice_of_a_sequential_is_a_sequential_of_the_same_layers_under_their_names():
    model = nn.Sequential(OrderedDict(a=Step(lambda x: x + 1), b=Step(double), c=Step(lambda x: x - 3)))
    assert [model(1), model[:-1](1), model[1:](1), model[::2](1), model[3:](1)] == [1, 4, -1, -1, 1]
    assert type(model[:-1]) is nn.Sequential
    assert [name for name, _ in model[1:].named_children()] == ["b", "c"]
    assert model[1:][0] is model[1]


def test_a_sequential_of_a_dict_takes_its_names():
    model = nn.Sequential(OrderedDict([("fc", nn.Linear(2, 3, rng=0)), ("act", nn.ReLU())]))
    assert [name for name, _ in model.named_children()] == ["fc", "act"]
    assert model.act is model[1]
    assert [name for name, _ in model.named_parameters()] == ["fc.weight", "fc.bias"]


def test_layers_are_appended_under_the_next_free_number():
    model = nn.Sequential(Step(double)).append(Step(double))
    model.extend([Step(lambda x: x + 1), Step(lambda x: x * 10)])
    assert model(1) == 50
    assert [name for name, _ in model.named_children()] == ["0", "1", "2", "3"]
    tail = model[2:].append(Step(double))  # "2" and "3" are taken
    assert [name for name, _ in tail.named_children()] == ["2", "3", "4"]
    assert tail(1) == 40


@pytest.mark.parametrize(("layers", "message"), [
    ([[nn.Linear(2, 2, rng=0), nn.ReLU()]], r"Sequential: 0 is a list: write Sequential\(\*layers\)"),
    ([nn.ReLU(), nn.Sigmoid], r"Sequential: 1 is the class Sigmoid: make a layer of it, Sigmoid\(…\)"),
    ([F.relu], r"Sequential: 0 is the function relu: a layer is a Module, such as nn.ReLU\(\)"),
    ([nn.ReLU(), None], "Sequential: 1 is a NoneType: a layer is a Module"),
    ([{"act": F.relu}], "Sequential: 'act' is the function relu"),
])
def test_what_is_not_a_layer_is_refused_by_a_sequential(layers, message):
    with pytest.raises(TypeError, match=message):
        nn.Sequential(*layers)


@pytest.mark.parametrize("change", [
    lambda s: s.__setitem__(1, F.sigmoid), lambda s: s.append(F.sigmoid), lambda s: s.extend([F.sigmoid]),
    lambda s: setattr(s, "act", F.sigmoid), lambda s: s.__setitem__(0, None),
])
def test_a_layer_of_a_sequential_cannot_become_a_function(change):
    model = nn.Sequential(nn.ReLU(), nn.ReLU())
    with pytest.raises(TypeError, match="Sequential: .* a layer is a Module"):
        change(model)
    assert [type(layer) for layer in model] == [nn.ReLU, nn.ReLU]


@pytest.mark.parametrize("i", [2, -3])
def test_an_index_without_a_layer_is_named(i):
    model = nn.Sequential(nn.ReLU(), nn.ReLU())
    for use in (lambda: model[i], lambda: model.__setitem__(i, nn.ReLU())):
        with pytest.raises(IndexError, match=rf"Sequential: there is no \[{i}\], it has 2 entries"):
            use()


def test_an_index_that_is_not_a_number_is_refused():
    with pytest.raises(TypeError, match="Sequential: an index has to be a whole number, got 'fc1'"):
        nn.Sequential(nn.ReLU())["fc1"]


def test_a_replaced_layer_keeps_its_name_and_place():
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.ReLU())
    model.head = nn.Linear(3, 10, rng=0)
    model[-1] = nn.Linear(3, 5, rng=0)
    model[0] = nn.Linear(2, 3, bias=False, rng=0)
    assert model(np.ones((1, 2), np.float32)).shape == (1, 5)
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "head.weight", "head.bias"]


def test_the_same_layer_may_stand_in_two_places():
    layer = Step(double)
    assert nn.Sequential(layer, layer, layer)(1) == 8


def test_sequential_gradients(check_layer_gradients):
    check_layer_gradients(nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 2, rng=0)), (5, 3))


def test_residual_is_relu_of_block_plus_input():
    x = np.array([[-3.0, 1.0, 2.0]])
    np.testing.assert_array_equal(nn.Residual(Step(double))(x).data, [[0, 3, 6]])


def test_residual_is_relu_of_block_plus_shortcut():
    x = np.array([[-3.0, 1.0, 2.0]])
    model = nn.Residual(Step(double), Step(lambda x: -5 * x))
    np.testing.assert_array_equal(model(x).data, [[9, 0, 0]])


def test_residual_names_both_ways():
    model = nn.Residual(nn.Sequential(nn.Linear(3, 3, rng=0)), nn.Linear(3, 3, bias=False, rng=0))
    assert [name for name, _ in model.named_parameters()] == ["block.0.weight", "block.0.bias", "shortcut.weight"]
    assert [name for name, _ in nn.Residual(nn.ReLU()).named_parameters()] == []


@pytest.mark.parametrize("arguments", [([nn.ReLU()],), (F.relu,), (nn.ReLU(), nn.ReLU)])
def test_residual_refuses_what_is_not_a_layer(arguments):
    with pytest.raises(TypeError, match="Residual: '(block|shortcut)' is (a list|the function relu|the class ReLU)"):
        nn.Residual(*arguments)


@pytest.mark.parametrize("shortcut", [None, nn.Linear(3, 3, rng=1)])
def test_residual_gradients(shortcut, check_layer_gradients):
    check_layer_gradients(nn.Residual(nn.Sequential(nn.Linear(3, 3, rng=0), nn.Tanh()), shortcut), (4, 3))
