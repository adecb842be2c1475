import numpy as np
import pytest

from nnlite import functional as F
from nnlite import models, nn
from nnlite.inference.groups import dependency_groups


def image(*shape):
    return np.zeros(shape, np.float32)


def groups(model, example):
    """{name: (size, {(array, axis, repeat)})}"""
    return {name: (size, {tuple(m) for m in members}) for name, size, members in dependency_groups(model, example)}


def batch_norm(name):
    return {(f"{name}.{array}", 0, 1) for array in ("weight", "bias", "running_mean", "running_var")}


class Function(nn.Module):
    """A model from layers and a function of them: Function(lambda m, x: m.a(x), a=...)."""

    def __init__(self, forward, **layers):
        self.function = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.function(self, x)


def conv(i, o, **options):
    return nn.Conv2d(i, o, 3, padding=1, rng=0, **options)


def test_groups_of_the_articles_cnn():
    assert groups(models.cnn(), image(1, 3, 32, 32)) == {
        "conv1": (16, {("conv1.weight", 0, 1), ("conv1.bias", 0, 1), ("conv2.weight", 1, 1)}),
        "conv2": (32, {("conv2.weight", 0, 1), ("conv2.bias", 0, 1), ("fc1.weight", 1, 64)}),
        "fc1": (128, {("fc1.weight", 0, 1), ("fc1.bias", 0, 1), ("fc2.weight", 1, 1)}),
    }


def test_groups_of_lenet_5():
    assert groups(models.lenet_5(), image(2, 1, 28, 28)) == {
        "conv1": (20, {("conv1.weight", 0, 1), ("conv1.bias", 0, 1), ("conv2.weight", 1, 1)}),
        "conv2": (50, {("conv2.weight", 0, 1), ("conv2.bias", 0, 1), ("fc1.weight", 1, 16)}),
        "fc1": (500, {("fc1.weight", 0, 1), ("fc1.bias", 0, 1), ("fc2.weight", 1, 1)}),
    }


def test_groups_of_lenet_300_100():
    assert groups(models.lenet_300_100(), image(1, 1, 28, 28)) == {
        "fc1": (300, {("fc1.weight", 0, 1), ("fc1.bias", 0, 1), ("fc2.weight", 1, 1)}),
        "fc2": (100, {("fc2.weight", 0, 1), ("fc2.bias", 0, 1), ("fc3.weight", 1, 1)}),
    }


def test_groups_of_resnet_8_residual_additions_join_what_they_add():
    b1, b2, b3 = ("block1_1.", "block2_1.", "block3_1.")
    assert groups(models.resnet(8), image(1, 3, 32, 32)) == {
        "conv1": (16, {("conv1.weight", 0, 1), *batch_norm("bn1"), (b1 + "block.conv1.weight", 1, 1),
                       (b1 + "block.conv2.weight", 0, 1), *batch_norm(b1 + "block.bn2"),
                       (b2 + "block.conv1.weight", 1, 1), (b2 + "shortcut.conv.weight", 1, 1)}),
        b1 + "block.conv1": (16, {(b1 + "block.conv1.weight", 0, 1), *batch_norm(b1 + "block.bn1"),
                                  (b1 + "block.conv2.weight", 1, 1)}),
        b2 + "block.conv1": (32, {(b2 + "block.conv1.weight", 0, 1), *batch_norm(b2 + "block.bn1"),
                                  (b2 + "block.conv2.weight", 1, 1)}),
        b2 + "block.conv2": (32, {(b2 + "block.conv2.weight", 0, 1), *batch_norm(b2 + "block.bn2"),
                                  (b2 + "shortcut.conv.weight", 0, 1), *batch_norm(b2 + "shortcut.bn"),
                                  (b3 + "block.conv1.weight", 1, 1), (b3 + "shortcut.conv.weight", 1, 1)}),
        b3 + "block.conv1": (64, {(b3 + "block.conv1.weight", 0, 1), *batch_norm(b3 + "block.bn1"),
                                  (b3 + "block.conv2.weight", 1, 1)}),
        b3 + "block.conv2": (64, {(b3 + "block.conv2.weight", 0, 1), *batch_norm(b3 + "block.bn2"),
                                  (b3 + "shortcut.conv.weight", 0, 1), *batch_norm(b3 + "shortcut.bn"),
                                  ("fc.weight", 1, 1)}),
    }


def test_a_depthwise_convolution_belongs_to_the_channels_that_it_reads():
    model = nn.Sequential(conv(1, 4), conv(4, 4, groups=4), nn.BatchNorm2d(4), nn.ReLU(), conv(4, 2), nn.Flatten(),
                          nn.Linear(8, 3, rng=0))
    assert groups(model, image(1, 1, 2, 2)) == {
        "0": (4, {("0.weight", 0, 1), ("0.bias", 0, 1), ("1.weight", 0, 1), ("1.bias", 0, 1), *batch_norm("2"),
                  ("4.weight", 1, 1)}),
        "4": (2, {("4.weight", 0, 1), ("4.bias", 0, 1), ("6.weight", 1, 4)}),
    }


def test_a_depthwise_convolution_with_three_kernels_a_channel_repeats_it_three_times():
    model = nn.Sequential(conv(1, 4), conv(4, 12, groups=4), nn.Flatten(), nn.Linear(48, 3, rng=0))
    assert groups(model, image(1, 1, 2, 2)) == {
        "0": (4, {("0.weight", 0, 1), ("0.bias", 0, 1), ("1.weight", 0, 3), ("1.bias", 0, 3), ("3.weight", 1, 12)}),
    }


def test_concatenation_freezes_what_it_touches_and_nothing_else():
    model = Function(lambda m, x: m.fc(m.last(F.concatenate([m.a(x), m.b(m.c(x))], dim=1)).flatten(1)),
                     a=conv(1, 2), b=conv(3, 2), c=conv(1, 3), last=conv(4, 5), fc=nn.Linear(20, 2, rng=0))
    assert groups(model, image(1, 1, 2, 2)) == {
        "c": (3, {("c.weight", 0, 1), ("c.bias", 0, 1), ("b.weight", 1, 1)}),
        "last": (5, {("last.weight", 0, 1), ("last.bias", 0, 1), ("fc.weight", 1, 4)}),
    }


@pytest.mark.parametrize("operation", [
    lambda m, h: F.softmax(h, dim=1),
    lambda m, h: F.layer_norm(h, (4,)),
    lambda m, h: h[:, :4],
    lambda m, h: h @ np.eye(4, dtype=np.float32),
    lambda m, h: h.reshape(len(h), -1, 2).flatten(1),
    lambda m, h: h.reshape(1, -1).reshape(len(h), -1),
    lambda m, h: h + np.ones(4, np.float32),            # one number for each channel, that would not shrink
    lambda m, h: h * m.scale,
    lambda m, h: h.reshape(-1, 4),                      # with the number of features written out
    lambda m, h: F.batch_norm(h, np.zeros(4, np.float32), np.ones(4, np.float32)),
    lambda m, h: F.linear(h, m.fc.weight * np.float32(2), m.fc.bias),
    lambda m, h: h + m.mean(h),
], ids=["softmax", "layer_norm", "index", "matmul", "reshape to three axes", "reshape across the batch",
        "constant", "scale", "fixed reshape", "statistics", "computed weight", "one for all"])
def test_what_is_not_known_freezes_its_channels(operation):
    model = Function(lambda m, x: m.last(operation(m, m.first(x))), first=nn.Linear(3, 4, rng=0),
                     fc=nn.Linear(4, 4, rng=0), mean=nn.Linear(4, 1, rng=0), scale=nn.Parameter(image(4)),
                     last=nn.Linear(4, 2, rng=0))
    assert "first" not in groups(model, image(2, 3))


def test_a_weight_that_something_unknown_reads_is_frozen_wherever_else_it_is_used():
    model = Function(lambda m, x: m.c(m.b(m.a(x)) + F.matmul(x, m.b.weight)),
                     a=nn.Linear(4, 4, rng=0), b=nn.Linear(4, 4, rng=1), c=nn.Linear(4, 2, rng=2))
    assert groups(model, image(1, 4)) == {}


def test_the_channels_that_a_grouped_convolution_reads_together_are_one():
    model = nn.Sequential(conv(1, 6), conv(6, 4, groups=2), nn.BatchNorm2d(4), nn.ReLU(), conv(4, 3), nn.Flatten(),
                          nn.Linear(12, 2, rng=0))
    assert groups(model, image(1, 1, 2, 2)) == {
        "0": (2, {("0.weight", 0, 3), ("0.bias", 0, 3), ("1.weight", 0, 2), ("1.bias", 0, 2),
                  *((name, 0, 2) for name, *_ in batch_norm("2")), ("4.weight", 1, 2)}),
        "4": (3, {("4.weight", 0, 1), ("4.bias", 0, 1), ("6.weight", 1, 4)}),
    }


def test_grouped_convolutions_of_4_and_of_6_groups_leave_two_blocks():
    model = nn.Sequential(conv(1, 12), conv(12, 12, groups=4), conv(12, 24, groups=6), nn.Flatten(), nn.Linear(24, 2, rng=0))
    assert groups(model, image(1, 1, 1, 1)) == {
        "0": (2, {("0.weight", 0, 6), ("0.bias", 0, 6), ("1.weight", 0, 6), ("1.bias", 0, 6), ("2.weight", 0, 12),
                  ("2.bias", 0, 12), ("4.weight", 1, 12)}),
    }


def test_a_grouped_convolution_of_the_input_is_frozen():
    model = nn.Sequential(conv(4, 4, groups=2), nn.Flatten(), nn.Linear(16, 2, rng=0))
    assert groups(model, image(1, 4, 2, 2)) == {}


def test_a_depthwise_convolution_whose_number_of_groups_is_written_out_is_left_alone():
    model = Function(lambda m, x: m.fc(F.conv2d(m.conv(x), m.kernels, groups=4).flatten(1)), conv=conv(1, 4),
                     kernels=nn.Parameter(image(4, 1, 1, 1)), fc=nn.Linear(16, 2, rng=0))
    assert groups(model, image(1, 1, 2, 2)) == {}


def test_input_and_output_are_frozen():
    assert groups(nn.Linear(3, 2, rng=0), image(1, 3)) == {}
    residual = Function(lambda m, x: m.last(x + m.conv(x)).flatten(1), conv=conv(2, 2), last=conv(2, 2))
    assert groups(residual, image(1, 2, 4, 4)) == {}                        # conv is added to the input
    assert groups(nn.Sequential(nn.Linear(3, 2, rng=0), nn.ReLU()), image(1, 3)) == {}


def test_linear_layers_on_the_last_of_more_axes_are_left_alone():
    assert groups(nn.Sequential(nn.Linear(3, 4, rng=0), nn.Linear(4, 2, rng=0)), image(1, 5, 3)) == {}
    assert groups(nn.Sequential(conv(1, 2), nn.Linear(3, 4, rng=0)), image(1, 1, 3, 3)) == {}


def test_a_layer_that_is_used_twice_has_one_set_of_channels():
    model = Function(lambda m, x: m.last(m.shared(m.shared(m.first(x)))), first=nn.Linear(2, 4, rng=0),
                     shared=nn.Linear(4, 4, rng=1), last=nn.Linear(4, 2, rng=2))
    assert groups(model, image(1, 2)) == {
        "first": (4, {("first.weight", 0, 1), ("first.bias", 0, 1), ("shared.weight", 0, 1), ("shared.weight", 1, 1),
                      ("shared.bias", 0, 1), ("last.weight", 1, 1)}),
    }


def test_squeeze_and_excite_joins_the_channels_with_their_scales():
    def forward(m, x):
        h = m.conv(x)
        scale = F.sigmoid(m.excite(F.relu(m.squeeze(F.adaptive_avg_pool2d(h)))))
        return m.fc((h * scale).flatten(1))

    model = Function(forward, conv=conv(1, 4), squeeze=nn.Conv2d(4, 2, 1, rng=0), excite=nn.Conv2d(2, 4, 1, rng=1),
                     fc=nn.Linear(16, 3, rng=0))
    assert groups(model, image(1, 1, 2, 2)) == {
        "conv": (4, {("conv.weight", 0, 1), ("conv.bias", 0, 1), ("squeeze.weight", 1, 1), ("excite.weight", 0, 1),
                     ("excite.bias", 0, 1), ("fc.weight", 1, 4)}),
        "squeeze": (2, {("squeeze.weight", 0, 1), ("squeeze.bias", 0, 1), ("excite.weight", 1, 1)}),
    }


@pytest.mark.parametrize("flatten", [
    lambda h: h.flatten(1), lambda h: h.flatten(1).flatten(1), lambda h: h.reshape(len(h), -1),
])
def test_all_spellings_of_flatten_lay_out_a_channel_as_a_block(flatten):
    model = Function(lambda m, x: m.fc(flatten(m.conv(x))), conv=conv(1, 4), fc=nn.Linear(24, 3, rng=0))
    assert ("fc.weight", 1, 6) in groups(model, image(2, 1, 2, 3))["conv"][1]


def test_a_flatten_of_the_pixels_alone_is_frozen():
    model = Function(lambda m, x: m.fc(m.conv(x).flatten(2).flatten(1)), conv=conv(1, 4), fc=nn.Linear(24, 3, rng=0))
    assert groups(model, image(2, 1, 2, 3)) == {}


def test_numbers_and_activations_hand_the_channels_on():
    model = Function(lambda m, x: m.b(2 * F.gelu(-m.a(x)) ** 2 / 3 - 1), a=nn.Linear(2, 4, rng=0), b=nn.Linear(4, 2, rng=0))
    assert list(groups(model, image(1, 2))) == ["a"]


def test_an_addition_of_features_to_a_flattened_image_joins_as_many_features_as_a_channel_has_pixels():
    model = Function(lambda m, x: m.last(m.conv(x).flatten(1) + m.fc(x.flatten(1))), conv=conv(1, 2),
                     fc=nn.Linear(4, 8, rng=0), last=nn.Linear(8, 2, rng=0))
    assert groups(model, image(1, 1, 2, 2)) == {
        "conv": (2, {("conv.weight", 0, 1), ("conv.bias", 0, 1), ("fc.weight", 0, 4), ("fc.bias", 0, 4),
                     ("last.weight", 1, 4)}),
    }


def test_features_that_broadcast_along_the_pixels_of_an_image_are_frozen():
    model = Function(lambda m, x: m.last((m.conv(x) + m.fc(x.flatten(1))).flatten(1)), conv=conv(1, 4),
                     fc=nn.Linear(8, 4, rng=0), last=nn.Linear(32, 2, rng=0))
    assert groups(model, image(1, 1, 2, 4)) == {}


def test_a_layer_that_is_used_on_features_and_on_a_flattened_image_joins_both():
    model = Function(lambda m, x: m.last(m.shared(m.conv(x).flatten(1)) + m.shared(m.fc(x.flatten(1)))), conv=conv(1, 2),
                     fc=nn.Linear(4, 8, rng=0), shared=nn.Linear(8, 3, rng=0), last=nn.Linear(3, 2, rng=0))
    assert groups(model, image(1, 1, 2, 2)) == {
        "conv": (2, {("conv.weight", 0, 1), ("conv.bias", 0, 1), ("shared.weight", 1, 4), ("fc.weight", 0, 4),
                     ("fc.bias", 0, 4)}),
        "shared": (3, {("shared.weight", 0, 1), ("shared.bias", 0, 1), ("last.weight", 1, 1)}),
    }


def test_two_weights_of_one_module_make_groups_of_two_names():
    class Two(nn.Module):
        def __init__(self):
            self.a, self.b, self.c = (nn.Parameter(image(4, 4)) for _ in range(3))

        def forward(self, x):
            return F.linear(F.linear(F.linear(x, self.a), self.b), self.c)

    found = groups(Two(), image(1, 4))
    assert [members for _, members in found.values()] == [{("a", 0, 1), ("b", 1, 1)}, {("b", 0, 1), ("c", 1, 1)}]
