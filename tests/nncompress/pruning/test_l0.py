import math

import numpy as np
import pytest
from layers_in_training import check_layer_gradients, in_float64
from support import check_gradients

from nncompress.pruning import shrink
from nncompress.pruning.l0 import (
    Gated,
    GateLoss,
    add_gates,
    expected_gate,
    gated_layers,
    hard_concrete,
    open_probability,
    remove_gates,
)
from nnlite import data, models, nn, optim
from nnlite.train import evaluate, fit

RNG = np.random.default_rng(0)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_a_gate_is_the_stretched_and_clipped_concrete_number():
    for a, u in ((0.0, 0.5), (1.0, 0.3), (-1.0, 0.9), (-4.0, 0.5), (5.0, 0.5)):
        s = sigmoid((math.log(u / (1 - u)) + a) * 1.5)
        assert hard_concrete(np.array([a]), np.array([u])).item() == pytest.approx(min(max(1.2 * s - 0.1, 0), 1), abs=1e-12)
        assert expected_gate(np.array([a])).item() == pytest.approx(min(max(1.2 * sigmoid(a) - 0.1, 0), 1), abs=1e-12)


def test_the_probability_of_an_open_gate_is_how_often_it_is_open():
    u = (np.arange(100_000) + 0.5) / 100_000
    for a in (-2.0, -0.5, 0.0, 1.0):
        often = np.mean(hard_concrete(np.full(u.shape, a), u).data > 0)
        assert open_probability(np.array([a])).item() == pytest.approx(often, abs=2e-5)


def test_gradients_of_gates():
    a = np.linspace(-1.5, 1.5, 6)
    check_gradients(lambda a: hard_concrete(a, np.full(6, 0.4)), a)
    check_gradients(open_probability, a)
    check_gradients(expected_gate, a)


@pytest.mark.parametrize("layer, shape", [(nn.Linear(4, 3, rng=0), (5, 4)), (nn.Conv2d(2, 3, 3, rng=0), (3, 2, 5, 4))])
def test_gradients_with_fixed_noise(layer, shape):
    check_layer_gradients(in_float64(Gated(layer, rng=0, start=0.5)), RNG.standard_normal(shape))


def test_gates_stand_before_a_linear_layer_and_after_a_convolution():
    linear, conv = Gated(nn.Linear(3, 2, rng=0), rng=0).eval(), Gated(nn.Conv2d(2, 3, 3, rng=0), rng=0).eval()
    for gated in (linear, conv):
        gated.log_alpha.data = np.float32([-9, 0, 9])                     # expected gates 0, ½, 1
    x, images = RNG.standard_normal((4, 3)).astype(np.float32), RNG.standard_normal((2, 2, 4, 4)).astype(np.float32)
    w, b = linear.layer.weight.data, linear.layer.bias.data
    np.testing.assert_allclose(linear(x).data, x * np.float32([0, 0.5, 1]) @ w.T + b, rtol=1e-5, atol=1e-6)
    z = np.array([0, 0.5, 1]).reshape(1, 3, 1, 1)
    np.testing.assert_allclose(conv(images).data, conv.layer(images).data * z, rtol=1e-5)


def test_the_loss_pays_for_every_weight_that_is_there():
    model = add_gates(nn.Sequential(nn.Conv2d(2, 3, 3, rng=0), nn.Flatten(), nn.Linear(12, 5, rng=0)), rng=0)
    conv, linear = gated_layers(model).values()
    conv.log_alpha.data, linear.log_alpha.data = np.zeros(3, np.float32), np.ones(12, np.float32)
    loss = GateLoss(model, 0.01, lambda y, t: y.sum() * 0.0 + 7.0)
    zero, one = (sigmoid(a + 2 / 3 * math.log(11)) for a in (0.0, 1.0))
    expected = 7 + 0.01 * (3 * (18 + 1) * zero + 12 * 5 * one)            # a filter has 18 weights and a bias
    assert loss(model(np.zeros((1, 2, 4, 4), np.float32)), None).item() == pytest.approx(expected, rel=1e-5)


def test_gates_are_removed_without_a_change_at_inference_and_shrink_takes_the_closed_ones_out():
    model = add_gates(models.cnn(1, 8, width=0.5), rng=0)
    for gated in gated_layers(model).values():
        gated.log_alpha.data = RNG.normal(0, 4, gated.log_alpha.shape).astype(np.float32)
    x = RNG.standard_normal((3, 1, 8, 8)).astype(np.float32)
    before = model.eval()(x).data
    masks = remove_gates(model)
    np.testing.assert_allclose(model(x).data, before, rtol=1e-4, atol=1e-5)
    closed = ~masks["conv2.weight"].any(axis=(1, 2, 3))
    assert 0 < closed.sum() < 16 and not model.conv2.bias.data[closed].any()
    assert all((model.state_dict()[name][~mask] == 0).all() for name, mask in masks.items())
    shrink(model, x, {"conv2": closed.mean()}, masks=masks)
    np.testing.assert_allclose(model(x).data, before, rtol=1e-4, atol=1e-5)
    assert model.conv2.out_channels == 16 - closed.sum()


def test_each_image_has_its_own_gates_and_the_same_seed_the_same():
    x = np.ones((2, 4), np.float32)
    first, second = (Gated(nn.Linear(4, 3, rng=0), rng=1, start=0.5)(x).data for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (first[0] != first[1]).any()


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="Gated: start has to be between 0 and 1, got 1"):
        add_gates(models.mlp(4, 2), start=1)
    with pytest.raises(ValueError, match="add_gates: ReLU has no Conv2d and no Linear below it"):
        add_gates(nn.ReLU())
    with pytest.raises(ValueError, match="GateLoss: the Sequential has no Gated layer"):
        GateLoss(models.mlp(4, 2), 1.0)
    with pytest.raises(ValueError, match="the strength has to be 0 or more, got -1"):
        GateLoss(add_gates(models.mlp(4, 2)), -1)
    with pytest.raises(ValueError, match="remove_gates: the Sequential has no Gated layer"):
        remove_gates(models.mlp(4, 2))


def test_on_digits_many_weights_go_and_the_accuracy_stays():
    train, test = data.load("digits")
    preparation = data.preprocessing("digits")
    model = add_gates(models.mlp(64, 50), rng=0)
    gates = [gated.log_alpha for gated in gated_layers(model).values()]
    others = [parameter for parameter in model.parameters() if all(parameter is not gate for gate in gates)]
    optimizer = optim.Adam([{"params": gates, "lr": 0.03}, {"params": others}], lr=3e-3)
    loader = data.DataLoader(train, 100, shuffle=True, transform=preparation)
    fit(model, loader, optimizer, 20, GateLoss(model, 1 / len(train)), progress=False)
    masks = remove_gates(model)
    assert masks.sparsity() > 0.4
    assert evaluate(model, data.DataLoader(test, 360, transform=preparation))["accuracy"] > 0.95     # whole: 0.975
