import numpy as np
import pytest
from networks import Model, random_network

from nnlite import functional as F
from nnlite import models, nn
from nnlite.inference.lowering import lower
from nnlite.tensor import Tensor


def images(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def kinds(model, example):
    """The kinds of the steps, with a "+relu" where one is fused."""
    return [step.kind + "+relu" * step.relu for step in lower(model, example)]


def batch_norm(kind, gamma, beta, mean, var, eps=0.0):
    """A BatchNorm layer with these numbers for its channels."""
    layer = kind(len(gamma), eps=eps)
    layer.weight.data, layer.bias.data = np.float32(gamma), np.float32(beta)
    layer.running_mean.data, layer.running_var.data = np.float32(mean), np.float32(var)
    return layer


def random_batch_norm(kind, channels, seed):
    rng = np.random.default_rng(seed)
    return batch_norm(kind, *rng.standard_normal((3, channels)), 10.0 ** rng.uniform(-3, 3, channels), eps=1e-3)


# ---- what becomes of the models


def test_the_steps_of_lenet_300_100():
    model = models.lenet_300_100()
    steps = lower(model, images(1, 1, 28, 28))
    assert [(s.kind, s.name, s.inputs, s.shape, s.relu) for s in steps] == [
        ("input", "input", [], (1, 28, 28), False),
        ("flatten", "flatten_1", [0], (784,), False),
        ("linear", "fc1", [1], (300,), True),
        ("linear", "fc2", [2], (100,), True),
        ("linear", "fc3", [3], (10,), False),
    ]
    np.testing.assert_array_equal(steps[2].arrays["w"], model.fc1.weight.data)
    np.testing.assert_array_equal(steps[2].arrays["b"], model.fc1.bias.data)


def test_the_steps_of_the_cnn():
    steps = lower(models.cnn(), images(2, 3, 32, 32))
    assert [(s.kind, s.shape, s.relu) for s in steps] == [
        ("input", (3, 32, 32), False),
        ("conv2d", (16, 32, 32), True), ("max_pool2d", (16, 16, 16), False),
        ("conv2d", (32, 16, 16), True), ("max_pool2d", (32, 8, 8), False),
        ("flatten", (2048,), False), ("linear", (128,), True), ("linear", (10,), False),
    ]
    assert steps[1].options == {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    assert steps[2].options == {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}


def test_nothing_of_batch_norm_and_relu_is_left_of_a_resnet():
    plain = ["conv2d+relu", "conv2d", "add+relu"]
    halving = ["conv2d+relu", "conv2d", "conv2d", "add+relu"]  # with the shortcut's convolution
    steps = kinds(models.resnet(8), images(1, 3, 32, 32))
    assert steps == ["input", "conv2d+relu", *plain, *halving, *halving, "avg_pool2d", "flatten", "linear"]


def test_a_shortcut_reads_the_step_before_the_block():
    steps = lower(models.resnet(8), images(1, 3, 32, 32))
    assert [step.inputs for step in steps[:5]] == [[], [0], [1], [2], [3, 1]]


# ---- BatchNorm


def test_folding_worked_by_hand():
    # y = 3 ((2x + 1) − 5)/√4 + 0.5 = 3x − 5.5;   y = −1 ((x − 1) − 0)/√16 + 2 = −0.25x + 2.25
    linear = nn.Linear(1, 2)
    linear.weight.data, linear.bias.data = np.float32([[2], [1]]), np.float32([1, -1])
    model = nn.Sequential(linear, batch_norm(nn.BatchNorm1d, [3, -1], [0.5, 2], [5, 0], [4, 16]))
    _, step = lower(model, images(1, 1))
    np.testing.assert_array_equal(step.arrays["w"], [[3], [-0.25]])
    np.testing.assert_array_equal(step.arrays["b"], [-5.5, 2.25])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layer, normalization, shape", [
    (lambda bias: nn.Conv2d(4, 6, 3, groups=2, bias=bias, rng=1), nn.BatchNorm2d, (1, 4, 5, 5)),
    (lambda bias: nn.Linear(7, 6, bias=bias, rng=1), nn.BatchNorm1d, (1, 7)),
])
def test_folded_weights_equal_the_formula(layer, normalization, shape, bias):
    layer, bn = layer(bias), random_batch_norm(normalization, 6, seed=2)
    _, step = lower(nn.Sequential(layer, bn), images(*shape))
    for o in range(6):
        gamma, beta, mean, var = (float(a.data[o]) for a in (bn.weight, bn.bias, bn.running_mean, bn.running_var))
        b = float(layer.bias.data[o]) if bias else 0.0
        factor = gamma / (var + 1e-3) ** 0.5
        # At most six roundings of each term, 6·eps/2, and that of ε itself.
        eps = 4 * np.finfo(np.float32).eps
        np.testing.assert_allclose(step.arrays["w"][o], layer.weight.data[o].astype(np.float64) * factor, rtol=eps)
        allowed = eps * (abs(b * factor) + abs(mean * factor) + abs(beta))
        np.testing.assert_allclose(step.arrays["b"][o], (b - mean) * factor + beta, rtol=0, atol=allowed)


def test_a_folded_layer_equals_layer_and_batch_norm_up_to_rounding():
    conv, bn = nn.Conv2d(3, 8, 3, padding=1, rng=3), random_batch_norm(nn.BatchNorm2d, 8, seed=4)
    x = images(2, 3, 6, 6)
    _, step = lower(nn.Sequential(conv, bn), x)
    w, b = step.arrays["w"], step.arrays["b"]
    bn.eval()
    eager = bn(conv(x)).data
    scale = np.abs(bn.weight.data) / np.sqrt(bn.running_var.data + np.float32(1e-3))
    sums = F.conv2d(np.abs(x), np.abs(conv.weight.data), np.abs(conv.bias.data), padding=1).data
    mean, beta = (np.abs(array.data)[:, None, None] for array in (bn.running_mean, bn.bias))
    magnitude = scale[:, None, None] * (sums + mean) + beta
    allowed = (27 + 10) * np.finfo(np.float32).eps * magnitude  # 27 products and some ten roundings, on either side
    assert (np.abs(F.conv2d(x, w, b, padding=1).data - eager) <= allowed).all()


def test_batch_norm_before_a_layer_is_a_depthwise_convolution():
    # 3 (x − 5)/√4 + 0.5 = 1.5x − 7
    model = nn.Sequential(batch_norm(nn.BatchNorm2d, [3, 1], [0.5, 0], [5, 0], [4, 1]), nn.Conv2d(2, 3, 1))
    steps = lower(model, images(1, 2, 4, 4))
    assert [step.kind for step in steps] == ["input", "conv2d", "conv2d"]
    np.testing.assert_array_equal(steps[1].arrays["w"], np.float32([1.5, 1]).reshape(2, 1, 1, 1))
    np.testing.assert_array_equal(steps[1].arrays["b"], [-7, 0])
    assert steps[1].options == {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 2}
    assert steps[1].shape == (2, 4, 4)


def test_batch_norm_behind_a_relu_is_not_folded_into_the_layer_before_it():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.ReLU())
    assert kinds(model, images(1, 3, 5, 5)) == ["input", "conv2d+relu", "conv2d+relu"]


def test_batch_norm_of_features_that_comes_after_no_layer_stays_an_operation():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.BatchNorm1d(4))
    assert kinds(model, images(2, 3)) == ["input", "linear+relu", "operation"]


def test_a_layer_whose_result_somebody_else_reads_keeps_its_weights():
    def forward(m, x):
        h = m.conv(x)
        return m.bn(h) + h

    model = Model(forward, conv=nn.Conv2d(2, 2, 1, rng=0), bn=random_batch_norm(nn.BatchNorm2d, 2, seed=1))
    steps = lower(model, images(1, 2, 3, 3))
    assert [step.kind for step in steps] == ["input", "conv2d", "conv2d", "add"]
    np.testing.assert_array_equal(steps[1].arrays["w"], model.conv.weight.data)


def test_two_batch_norms_in_a_row_are_both_folded():
    # 2x, then (y − 1)/√4 + 3, then 10z − 1:  10 (x + 2.5) − 1 = 10x + 24
    linear = nn.Linear(1, 1, bias=False)
    linear.weight.data = np.float32([[2]])
    one, two = batch_norm(nn.BatchNorm1d, [1], [3], [1], [4]), batch_norm(nn.BatchNorm1d, [10], [-1], [0], [1])
    _, step = lower(nn.Sequential(linear, one, two), images(1, 1))
    assert (step.arrays["w"].item(), step.arrays["b"].item()) == (10, 24)


def test_batch_norm_without_gamma_and_beta_is_folded_too():
    # ((2x + 1) − 5)/√4 = x − 2
    linear = nn.Linear(1, 1)
    linear.weight.data, linear.bias.data = np.float32([[2]]), np.float32([1])
    model = Model(lambda m, x: F.batch_norm(m.linear(x), np.float32([5]), np.float32([4]), eps=0.0), linear=linear)
    _, step = lower(model, images(1, 1))
    assert (step.arrays["w"].item(), step.arrays["b"].item()) == (1, -2)


# ---- ReLU


def test_a_relu_joins_the_convolution_linear_layer_or_addition_before_it():
    def forward(m, x):
        return F.relu(m.fc(F.flatten(F.relu(F.relu(m.conv(x)) + x), 1)))

    model = Model(forward, conv=nn.Conv2d(2, 2, 1), fc=nn.Linear(18, 3))
    assert kinds(model, images(1, 2, 3, 3)) == ["input", "conv2d+relu", "add+relu", "flatten", "linear+relu"]


@pytest.mark.parametrize("other", [lambda h: h, lambda h: F.max_pool2d(h, 1), lambda h: F.avg_pool2d(h, 1)])
def test_a_relu_stays_a_step_where_somebody_else_reads_the_value_before_it(other):
    def forward(m, x):
        h = m.conv(x)
        return F.relu(h) + other(h)

    steps = lower(Model(forward, conv=nn.Conv2d(2, 2, 1)), images(1, 2, 3, 3))
    assert [step.kind for step in steps if step.kind in ("conv2d", "relu")] == ["conv2d", "relu"]
    assert not any(step.relu for step in steps)


def test_a_relu_after_the_input_or_a_pooling_is_a_step():
    model = nn.Sequential(nn.ReLU(), nn.AvgPool2d(1), nn.ReLU(), nn.MaxPool2d(1), nn.ReLU(), nn.Flatten(), nn.ReLU())
    assert kinds(model, images(1, 2, 3, 3)) == ["input", "relu", "avg_pool2d", "relu", "max_pool2d", "relu", "flatten", "relu"]


def test_a_second_relu_changes_nothing():
    assert kinds(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.ReLU()), images(1, 3)) == ["input", "linear+relu"]


# ---- layers and other operations


def test_a_layer_without_bias_gets_zeros():
    _, step = lower(nn.Linear(3, 4, bias=False), images(1, 3))
    np.testing.assert_array_equal(step.arrays["b"], np.zeros(4, np.float32))


def test_weights_and_biases_may_be_constants():
    w, b = images(4, 3, seed=1), images(4, seed=2)
    _, step = lower(Model(lambda m, x: F.linear(x, w, b)), images(1, 3))
    assert step.kind == "linear"
    np.testing.assert_array_equal(step.arrays["w"], w)
    np.testing.assert_array_equal(step.arrays["b"], b)


def test_a_layer_whose_weights_are_computed_is_an_operation():
    model = Model(lambda m, x: F.linear(x, m.w * 2, x[0, :2]), w=nn.Parameter(images(2, 3)))
    assert lower(model, images(1, 3))[-1].kind == "operation"


def test_linear_over_more_axes_than_features_is_an_operation():
    assert kinds(nn.Linear(5, 2), images(1, 3, 5)) == ["input", "operation"]
    assert kinds(nn.Linear(5, 2), images(1, 3, 4, 5)) == ["input", "operation"]


def test_an_addition_that_broadcasts_is_an_operation():
    def forward(m, x):
        return m.conv(x) + x

    assert kinds(Model(forward, conv=nn.Conv2d(1, 3, 1)), images(1, 1, 4, 4)) == ["input", "conv2d", "operation"]
    assert kinds(Model(lambda m, x: x + 1.0), images(1, 4)) == ["input", "operation"]


@pytest.mark.parametrize("layer", [nn.GELU(), nn.Softmax(), nn.LayerNorm(4), nn.Tanh(), nn.LeakyReLU()])
def test_other_layers_stay_operations_with_their_arguments(layer):
    step = lower(layer, images(1, 4))[-1]
    assert (step.kind, step.inputs) == ("operation", [0])
    (first_is_earlier, _), *rest = step.options["arguments"]
    assert first_is_earlier and not any(earlier for earlier, _ in rest)
    for (_, array), parameter in zip(rest, layer.parameters(), strict=True):
        np.testing.assert_array_equal(array, parameter.data)


@pytest.mark.parametrize("forward", [lambda m, x: F.flatten(x, 1), lambda m, x: x.reshape(x.shape[0], -1),
                                     lambda m, x: x.reshape(-1, 24)])
def test_flatten_and_a_reshape_to_one_row_per_image_are_the_same(forward):
    assert kinds(Model(forward), images(2, 2, 3, 4)) == ["input", "flatten"]


def test_dropout_leaves_no_step():
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.ReLU(), nn.Dropout(0.5))
    assert kinds(model, images(1, 3)) == ["input", "linear+relu"]


def test_lowering_changes_neither_the_model_nor_its_mode():
    model, x = random_network(20)
    model.train()
    before = model.state_dict()
    steps = lower(model, x)
    for step in steps:
        for array in step.arrays.values():
            array[...] = np.nan
    after = model.state_dict()
    assert model.training and before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def test_steps_read_earlier_steps_only():
    for seed in range(30):
        model, x = random_network(seed)
        for number, step in enumerate(lower(model, x)):
            assert all(i < number for i in step.inputs)
            assert len(step.inputs) == {"input": 0, "add": 2}.get(step.kind, 1)


def test_arrays_are_float32_even_where_the_model_is_not():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.LayerNorm(4))
    for tensor in [*model.parameters(), *(buffer for _, buffer in model.named_buffers())]:
        tensor.data = tensor.data.astype(np.float64)
    linear, norm = lower(model, images(1, 3).astype(np.float64))[1:]
    assert {array.dtype for array in linear.arrays.values()} == {np.dtype(np.float32)}
    assert [array.dtype for _, array in norm.options["arguments"][1:]] == [np.float32, np.float32]


def test_a_model_that_does_not_use_its_input_is_refused():
    with pytest.raises(ValueError, match="does not come from its input"):
        lower(Model(lambda m, x: Tensor(np.ones((1, 2), np.float32)) + 1.0), images(1, 3))


@pytest.mark.parametrize(("layer", "kind"), [
    (nn.MaxPool2d(2, ceil_mode=True), "max_pool2d"),  # 6×8 pixels: the windows are those without it
    (nn.MaxPool2d(4, ceil_mode=True), "uneven_max_pool2d"),
    (nn.AvgPool2d(2, ceil_mode=True), "avg_pool2d"),
    (nn.AvgPool2d(4, ceil_mode=True), "uneven_avg_pool2d"),
    (nn.AvgPool2d(2, count_include_pad=False), "avg_pool2d"),
    (nn.AvgPool2d(2, 2, 1, count_include_pad=False), "uneven_avg_pool2d"),
    (nn.AdaptiveAvgPool2d((3, 2)), "avg_pool2d"),
    (nn.AdaptiveAvgPool2d((4, 3)), "operation"),
])
def test_a_pooling_whose_windows_are_not_alike_becomes_a_step_of_another_kind(layer, kind):
    assert kinds(layer, images(1, 2, 6, 8)) == ["input", kind]
