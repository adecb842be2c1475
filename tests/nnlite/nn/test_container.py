import numpy as np
import pytest

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
    assert [name for name, _ in model.children()] == ["later", "earlier"]


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


@pytest.mark.parametrize("shortcut", [None, nn.Linear(3, 3, rng=1)])
def test_residual_gradients(shortcut, check_layer_gradients):
    check_layer_gradients(nn.Residual(nn.Sequential(nn.Linear(3, 3, rng=0), nn.Tanh()), shortcut), (4, 3))
