import numpy as np
import pytest
from support import sample

from nnlite import functional as F
from nnlite import models, nn, trace
from nnlite.nn.fusion import in_one_pass


class MyReLU(nn.ReLU):
    pass


class MyConv2d(nn.Conv2d):
    def forward(self, x):
        return super().forward(x)


def conv(out_channels=4, kind=nn.Conv2d):
    return kind(3, out_channels, 3, padding=1, rng=0)


RELU, POOL = nn.ReLU, nn.MaxPool2d


@pytest.mark.parametrize(("layers", "followers"), [
    ([conv(), nn.ReLU()], [[RELU]]),
    ([conv(), nn.MaxPool2d(2)], [[POOL]]),
    ([conv(), nn.ReLU(), nn.MaxPool2d(2)], [[RELU, POOL]]),
    ([conv(), nn.MaxPool2d((2, 2), (2, 2), (0, 0)), nn.ReLU()], [[POOL, RELU]]),
    ([conv(), nn.ReLU(), nn.MaxPool2d(2, 2), nn.ReLU(), nn.MaxPool2d(2)], [[RELU, POOL], [], []]),
    ([conv(3), conv(), nn.ReLU(), nn.Flatten(), nn.Linear(256, 5, rng=0), nn.ReLU()], [[], [RELU], [], [RELU]]),
    ([nn.ReLU(), nn.MaxPool2d(2), conv()], [[], [], []]),
    ([conv(), nn.MaxPool2d(3)], [[], []]),
    ([conv(), nn.MaxPool2d(2, 1)], [[], []]),
    ([conv(), nn.MaxPool2d(2, 2, 1)], [[], []]),
    ([conv(), nn.MaxPool2d((2, 1))], [[], []]),
    ([conv(), nn.AvgPool2d(2)], [[], []]),
    ([conv(), nn.BatchNorm2d(4), nn.ReLU()], [[], [], []]),
    ([conv(), nn.LeakyReLU(), nn.MaxPool2d(2)], [[], [], []]),
    ([conv(), MyReLU()], [[], []]),
    ([conv(kind=MyConv2d), nn.ReLU()], [[], []]),
    ([conv(), nn.Sequential(nn.ReLU())], [[], []]),
    ([nn.Sequential(conv()), nn.ReLU()], [[], []]),
])
def test_sequential_takes_relu_and_pooling_along_exactly_where_it_may_and_gives_the_same_bits(layers, followers):
    model, x = nn.Sequential(*layers), sample((3, 3, 8, 8)).astype(np.float32)
    assert [[type(layer) for layer in group[1:]] for group in in_one_pass(layers)] == followers
    y = model(x)
    for layer in layers:
        x = layer(x)
    np.testing.assert_array_equal(y.data, x.data)
    assert [name for name, _ in model.named_children()] == [str(i) for i in range(len(layers))]


def test_a_linear_layer_takes_no_pooling_along():
    layers = [nn.Linear(8, 8, rng=0), nn.MaxPool2d(2)]
    assert nn.Sequential(*layers)(np.ones((1, 2, 8, 8), np.float32)).shape == (1, 2, 4, 4)


@pytest.mark.parametrize("watched", [0, 1, 2])
def test_a_hook_sees_what_lies_between_the_layers(watched):
    model, x, seen = nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d(2)), sample((2, 3, 6, 6)).astype(np.float32), []
    expected = model(x).data
    handle = model[watched].register_forward_hook(lambda layer, inputs, y: seen.append(y.data))
    np.testing.assert_array_equal(model(x).data, expected)
    handle.remove()
    np.testing.assert_array_equal(model(x).data, expected)
    for layer in list(model)[: watched + 1]:
        x = layer(x)
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0], x.data)


def test_the_graph_has_every_layer_of_its_own():
    graph = trace(nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5, rng=0), nn.ReLU()),
                  np.ones((1, 3, 6, 6), np.float32))
    assert [node.kind for node in graph.nodes] == ["Input", "Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear", "ReLU"]


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
    for layer in model:
        x = layer(x)
    return x
