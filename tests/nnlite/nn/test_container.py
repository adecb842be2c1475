import numpy as np
import pytest
from support import sample

from nnlite import functional as F
from nnlite import models, nn, trace
from nnlite.nn.container import in_one_pass


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


class MyReLU(nn.ReLU):
    pass


class MyConv2d(nn.Conv2d):
    def forward(self, x):
        return super().forward(x)


def conv(out_channels=4, kind=nn.Conv2d):
    return kind(3, out_channels, 3, padding=1, rng=0)


@pytest.mark.parametrize(("layers", "passes"), [
    ([conv(), nn.ReLU()], [{"relu"}]),
    ([conv(), nn.MaxPool2d(2)], [{"pool"}]),
    ([conv(), nn.ReLU(), nn.MaxPool2d(2)], [{"relu", "pool"}]),
    ([conv(), nn.MaxPool2d((2, 2), (2, 2), (0, 0)), nn.ReLU()], [{"relu", "pool"}]),
    ([conv(), nn.ReLU(), nn.MaxPool2d(2, 2), nn.ReLU(), nn.MaxPool2d(2)], [{"relu", "pool"}, set(), set()]),
    ([conv(3), conv(), nn.ReLU(), nn.Flatten(), nn.Linear(256, 5, rng=0), nn.ReLU()], [set(), {"relu"}, set(), {"relu"}]),
    ([nn.ReLU(), nn.MaxPool2d(2), conv()], [set(), set(), set()]),
    ([conv(), nn.MaxPool2d(3)], [set(), set()]),
    ([conv(), nn.MaxPool2d(2, 1)], [set(), set()]),
    ([conv(), nn.MaxPool2d(2, 2, 1)], [set(), set()]),
    ([conv(), nn.MaxPool2d((2, 1))], [set(), set()]),
    ([conv(), nn.AvgPool2d(2)], [set(), set()]),
    ([conv(), nn.BatchNorm2d(4), nn.ReLU()], [set(), set(), set()]),
    ([conv(), nn.LeakyReLU(), nn.MaxPool2d(2)], [set(), set(), set()]),
    ([conv(), MyReLU()], [set(), set()]),
    ([conv(kind=MyConv2d), nn.ReLU()], [set(), set()]),
    ([conv(), nn.Sequential(nn.ReLU())], [set(), set()]),
    ([nn.Sequential(conv()), nn.ReLU()], [set(), set()]),
])
def test_sequential_takes_relu_and_pooling_along_exactly_where_it_may_and_gives_the_same_bits(layers, passes):
    model, x = nn.Sequential(*layers), sample((3, 3, 8, 8)).astype(np.float32)
    assert [set(behind) for _, behind in in_one_pass(layers)] == passes
    y = model(x)
    for layer in layers:
        x = layer(x)
    np.testing.assert_array_equal(y.data, x.data)
    assert [name for name, _ in model.children()] == [str(i) for i in range(len(layers))]


def test_a_linear_layer_takes_no_pooling_along():
    layers = [nn.Linear(8, 8, rng=0), nn.MaxPool2d(2)]
    assert nn.Sequential(*layers)(np.ones((1, 2, 8, 8), np.float32)).shape == (1, 2, 4, 4)


@pytest.mark.parametrize("watched", [0, 1, 2])
def test_a_hook_sees_what_lies_between_the_layers(watched):
    model, x, seen = nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d(2)), sample((2, 3, 6, 6)).astype(np.float32), []
    expected = model(x).data
    remove = model[watched].register_forward_hook(lambda layer, inputs, y: seen.append(y.data))
    np.testing.assert_array_equal(model(x).data, expected)
    remove()
    np.testing.assert_array_equal(model(x).data, expected)
    for layer in list(model)[: watched + 1]:
        x = layer(x)
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0], x.data)


def test_the_graph_has_every_layer_of_its_own():
    graph = trace(nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5, rng=0), nn.ReLU()),
                  np.ones((1, 3, 6, 6), np.float32))
    assert [node.kind for node in graph.nodes] == ["Input", "Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear", "ReLU"]
    assert not any(getattr(node.op, "relu", False) or getattr(node.op, "pool", False) for node in graph.nodes)


def test_an_image_too_small_for_pooling_is_named_as_by_the_pooling_itself():
    model, x = nn.Sequential(nn.Conv2d(3, 4, 3, rng=0), nn.MaxPool2d(2)), np.ones((2, 3, 3, 7), np.float32)
    for function in (model, lambda x: model[1](model[0](x))):
        with pytest.raises(ValueError, match=r"^MaxPool2d: a window of \(2, 2\) does not fit into an image of \(1, 5\)$"):
            function(x)


def test_gradients_through_taken_along_relu_and_pooling(check_layer_gradients):
    check_layer_gradients(nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5, rng=0), nn.ReLU()),
                          (2, 3, 6, 7))


def test_the_weights_of_the_cnn_get_the_same_gradients_as_layer_by_layer_bit_for_bit():
    model, x = models.cnn(image_size=12, width=0.5), sample((4, 3, 12, 12)).astype(np.float32)
    gradients = []
    for function in (model, lambda x: layer_by_layer(model, x)):
        model.zero_grad()
        F.cross_entropy(function(x), np.arange(4)).backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if name.endswith("weight")})
    for name, fused in gradients[0].items():
        np.testing.assert_array_equal(fused, gradients[1][name])


def layer_by_layer(model, x):
    for _, layer in model.children():
        x = layer(x)
    return x


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
