import re

import numpy as np
import pytest
from support import sample

from nnlite import nn

IMAGES = np.random.default_rng(0).normal(3, 2, (4, 3, 5, 6)).astype(np.float32)


def test_batch_norm_starts_as_the_identity_of_standard_numbers():
    layer = nn.BatchNorm2d(3)
    assert {name: array.tolist() for name, array in layer.state_dict().items()} == {
        "weight": [1, 1, 1], "bias": [0, 0, 0], "running_mean": [0, 0, 0], "running_var": [1, 1, 1],
    }
    assert {array.dtype for array in layer.state_dict().values()} == {np.dtype(np.float32)}
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    assert [name for name, _ in layer.named_buffers()] == ["running_mean", "running_var"]
    assert (layer.eps, layer.momentum, layer.num_features) == (1e-5, 0.1, 3)


def test_in_training_every_channel_gets_mean_beta_and_deviation_gamma():
    layer = nn.BatchNorm2d(3)
    layer.weight.data[:], layer.bias.data[:] = [1, 2, 3], [0, -1, 5]
    y = layer(IMAGES).data
    np.testing.assert_allclose(y.mean((0, 2, 3)), [0, -1, 5], atol=1e-5)
    np.testing.assert_allclose(y.std((0, 2, 3)), [1, 2, 3], rtol=1e-5)


@pytest.mark.parametrize("layer, x, axes", [(nn.BatchNorm1d(3), IMAGES[:, :, 0, 0], 0), (nn.BatchNorm2d(3), IMAGES, (0, 2, 3))])
def test_the_running_statistics_are_pytorchs(layer, x, axes):
    mean, var = np.zeros(3), np.ones(3)
    for batch in (x, x + 1, 2 * x):
        layer(batch)
        mean = 0.9 * mean + 0.1 * batch.astype(np.float64).mean(axes)
        var = 0.9 * var + 0.1 * batch.astype(np.float64).var(axes, ddof=1)  # unbiased
    np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.data, var, rtol=1e-5)
    assert layer.running_mean.dtype == np.float32


def test_two_hand_worked_numbers():
    layer = nn.BatchNorm1d(1, eps=0.0, momentum=0.25)
    y = layer(np.array([[1.0], [3.0]], np.float32))
    np.testing.assert_array_equal(y.data, [[-1], [1]])  # mean 2, variance 1 (divided by n)
    assert layer.running_mean.data == 0.25 * 2
    assert layer.running_var.data == 0.75 * 1 + 0.25 * 2  # variance 2 (divided by n − 1)


def test_in_inference_the_running_statistics_are_used_and_kept():
    layer = nn.BatchNorm2d(3, eps=0.5)
    layer.running_mean.data[:], layer.running_var.data[:] = [1, 2, 3], [3.5, 8.5, 15.5]
    layer.weight.data[:], layer.bias.data[:] = [1, 3, 2], [0, 1, -1]
    before = layer.state_dict()
    y = layer.eval()(IMAGES).data
    for c, (mean, std, gamma, beta) in enumerate([(1, 2, 1, 0), (2, 3, 3, 1), (3, 4, 2, -1)]):
        np.testing.assert_allclose(y[:, c], gamma * (IMAGES[:, c] - mean) / std + beta, rtol=1e-5, atol=1e-5)
    after = layer.state_dict()
    assert all(after[name].tobytes() == before[name].tobytes() for name in before)


def test_a_frozen_layer_uses_and_keeps_its_statistics_while_the_model_trains():
    layer = nn.BatchNorm2d(3)
    layer(IMAGES)
    expected, before = layer.eval()(IMAGES).data, layer.state_dict()
    layer.train().frozen = True
    assert layer(IMAGES).data.tobytes() == expected.tobytes()
    assert all(array.tobytes() == before[name].tobytes() for name, array in layer.state_dict().items())


def test_statistics_are_estimated_whatever_requires_a_gradient():
    layer, trained = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    layer.weight.requires_grad = layer.bias.requires_grad = False
    assert layer(IMAGES).data.tobytes() == trained(IMAGES).data.tobytes()
    for name, array in layer.state_dict().items():
        assert array.tobytes() == trained.state_dict()[name].tobytes()
    assert abs(layer.running_mean.data).min() > 0.2  # a tenth of the way to 3


def test_reset_statistics_are_estimated_anew_also_by_a_frozen_layer():
    layer = nn.BatchNorm2d(3, momentum=None)
    layer(2 * IMAGES)
    layer.frozen = True
    layer.reset_running_stats()
    assert {name: buffer.data.tolist() for name, buffer in layer.named_buffers()} == {
        "running_mean": [0, 0, 0], "running_var": [1, 1, 1], "num_batches_tracked": 0}
    layer(IMAGES)
    np.testing.assert_allclose(layer.running_mean.data, IMAGES.mean((0, 2, 3)), rtol=1e-5)


def test_without_momentum_the_statistics_are_the_plain_average_of_all_batches():
    layer = nn.BatchNorm1d(2, momentum=None)
    for batch in ([[1.0, 0], [3, 0]], [[5, 0], [9, 0]], [[6, 0], [8, 6]]):
        layer(np.array(batch, np.float32))
    np.testing.assert_allclose(layer.running_mean.data, [(2 + 7 + 7) / 3, 1], rtol=1e-6)
    np.testing.assert_allclose(layer.running_var.data, [(2 + 8 + 2) / 3, 6], rtol=1e-6)
    with pytest.raises(ValueError, match="more than one value"):
        layer(np.ones((1, 2), np.float32))
    assert layer.num_batches_tracked.item() == 3
    layer.eval()(np.ones((1, 2), np.float32))
    assert layer.num_batches_tracked.item() == 3


def test_the_number_of_batches_is_part_of_the_state_where_it_is_needed():
    layer, other = nn.BatchNorm1d(2, momentum=None), nn.BatchNorm1d(2, momentum=None)
    layer(np.array([[1.0, 2], [3, 4]], np.float32))
    other.load_state_dict(layer.state_dict())
    for each in (layer, other):
        each(np.array([[5.0, 2], [9, 4]], np.float32))
    assert layer.running_mean.data.tobytes() == other.running_mean.data.tobytes()
    assert "num_batches_tracked" not in nn.BatchNorm1d(2).state_dict()  # as in all files written before there was one


@pytest.mark.parametrize("name", ["running_mean", "running_var"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_statistics_that_are_not_finite_are_not_loaded(name, value):
    model = nn.Sequential(nn.BatchNorm1d(2))
    state = model.state_dict()
    state[f"0.{name}"][1] = value
    with pytest.raises(ValueError, match=rf"^load_state_dict: 0.{name} holds NaN or infinite values"):
        model.load_state_dict(state)
    assert np.isfinite(model.state_dict()[f"0.{name}"]).all()


def test_running_statistics_get_no_gradient():
    layer = nn.BatchNorm1d(3)
    layer(IMAGES[:, :, 0, 0]).sum().backward()
    assert (layer.running_mean.grad, layer.running_var.grad) == (None, None)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("layer, shape", [(nn.BatchNorm1d, (5, 3)), (nn.BatchNorm2d, (2, 3, 4, 2))])
def test_batch_norm_gradients(layer, shape, training, check_layer_gradients):
    layer = layer(3).train(training)
    layer.running_mean.data, layer.running_var.data = sample((3,)), np.array([0.5, 1.0, 2.0])
    check_layer_gradients(layer, shape)


@pytest.mark.parametrize("layer, axes, shape", [(nn.BatchNorm1d(3), 2, (4, 3, 5, 6)), (nn.BatchNorm2d(3), 4, (4, 3))])
def test_batch_norm_refuses_the_other_kind_of_input(layer, axes, shape):
    message = f"{type(layer).__name__}: expects {axes} axes, got an input of shape {shape}"
    with pytest.raises(ValueError, match=re.escape(message)):
        layer(np.ones(shape, np.float32))


def test_batch_norm_refuses_to_train_on_one_value_per_channel():
    with pytest.raises(ValueError, match=r"training needs more than one value per channel, got x \(1, 3\)"):
        nn.BatchNorm1d(3)(np.ones((1, 3), np.float32))
    assert nn.BatchNorm1d(3).eval()(np.ones((1, 3), np.float32)).shape == (1, 3)


def test_a_channel_without_variance_becomes_beta():
    layer = nn.BatchNorm1d(2)
    layer.bias.data[:] = [7, 8]
    np.testing.assert_array_equal(layer(np.full((4, 2), 3, np.float32)).data, [[7, 8]] * 4)


def test_layer_norm_gives_each_example_mean_beta_and_deviation_gamma():
    layer = nn.LayerNorm((5, 6))
    np.testing.assert_array_equal(layer.weight.data, np.ones((5, 6)))
    np.testing.assert_array_equal(layer.bias.data, np.zeros((5, 6)))
    y = layer(IMAGES).data
    np.testing.assert_allclose(y.mean((2, 3)), np.zeros((4, 3)), atol=1e-6)
    np.testing.assert_allclose(y.std((2, 3)), np.ones((4, 3)), rtol=1e-5)
    layer.weight.data[:], layer.bias.data[:] = 3, 4
    np.testing.assert_allclose(layer(IMAGES).data, 3 * y + 4, rtol=1e-5, atol=1e-5)


def test_layer_norm_is_the_same_in_training_and_inference():
    layer = nn.LayerNorm(6)
    assert layer(IMAGES).data.tobytes() == layer.eval()(IMAGES).data.tobytes()
    assert list(layer.named_buffers()) == []


@pytest.mark.parametrize("normalized_shape, shape", [(4, (3, 4)), ((2, 3), (3, 2, 3)), (3, (2, 2, 3))])
def test_layer_norm_gradients(normalized_shape, shape, check_layer_gradients):
    check_layer_gradients(nn.LayerNorm(normalized_shape), shape)


def test_layer_norm_names_the_shape_that_does_not_fit():
    with pytest.raises(ValueError, match=r"layer_norm: x \(2, 4\) does not end with \(3,\)"):
        nn.LayerNorm(3)(np.ones((2, 4), np.float32))
