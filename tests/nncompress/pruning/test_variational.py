import math

import numpy as np
import pytest
from layers_in_training import check_layer_gradients, in_float64
from support import check_gradients

from nncompress.pruning.variational import (
    Noisy,
    VariationalLoss,
    add_noise,
    kl_of_noise,
    log_alpha,
    noisy_layers,
    remove_noise,
)
from nnlite import data, models, nn, optim
from nnlite.train import evaluate, fit

RNG = np.random.default_rng(0)


def test_the_divergence_is_the_true_one_within_a_hundredth():
    # KL(α) = −½ ln α + E ln|1 + √α ε| + c by quadrature; c = (γ + ln 2)/2 lets it fall to 0.
    t = np.linspace(-12, 12, 400_001)
    density = np.exp(-t * t / 2) / math.sqrt(2 * math.pi) * (t[1] - t[0])
    for each in (-8.0, -4.0, -2.0, 0.0, 1.0, 3.0, 8.0):
        expected = -each / 2 + np.sum(density * np.log(np.abs(1 + np.exp(each / 2) * t) + 1e-12)) + 0.635181
        assert kl_of_noise(np.array([each])).item() == pytest.approx(expected, abs=0.01)
    assert kl_of_noise(np.array([8.0])).item() < 0.001


def test_log_alpha_is_noise_to_signal_within_its_limits():
    theta, log_sigma2 = np.array([0.5, -0.5, 0.0, 100.0]), np.array([0.0, -3.0, 0.0, -20.0])
    np.testing.assert_allclose(log_alpha(theta, log_sigma2).data, [math.log(4), math.log(4) - 3, 8, -8], rtol=1e-6)


def test_gradients_of_divergence_and_ratio():
    log_sigma2 = np.linspace(-3, 1, 12).reshape(3, 4)
    check_gradients(lambda theta, log_sigma2: kl_of_noise(log_alpha(theta, log_sigma2)), (3, 4), log_sigma2)


@pytest.mark.parametrize("layer, shape", [(nn.Linear(4, 3, rng=0), (5, 4)),
                                          (nn.Conv2d(2, 3, 3, stride=2, padding=1, rng=0), (2, 2, 5, 4)),
                                          (nn.Conv2d(2, 4, 3, groups=2, bias=False, rng=0), (2, 2, 4, 4))])
def test_gradients_with_fixed_noise(layer, shape):
    noisy = in_float64(Noisy(layer, start=-4.0))
    check_layer_gradients(noisy, RNG.standard_normal(shape))


def test_the_output_has_the_mean_and_variance_of_noisy_weights():
    noisy = in_float64(Noisy(nn.Linear(3, 2, rng=0), rng=1))
    theta, b = np.array([[1.0, -2.0, 0.5], [0.3, 0.2, 0.1]]), np.array([0.5, -0.5])
    variances = np.array([[0.25, 1.0, 0.04], [0.01, 0.04, 0.0009]])
    noisy.layer.weight.data, noisy.layer.bias.data, noisy.log_sigma2.data = theta, b, np.log(variances)
    x = np.array([2.0, -1.0, 3.0])
    y = noisy(np.tile(x, (40_000, 1))).data
    mean, variance = theta @ x + b, variances @ x**2
    assert np.abs(y.mean(axis=0) - mean).max() < 5 * math.sqrt(variance.max() / 40_000)
    np.testing.assert_allclose(y.var(axis=0), variance, rtol=0.05)
    assert abs(np.corrcoef(y.T)[0, 1]) < 0.03                             # each output has noise of its own
    np.testing.assert_allclose(noisy.eval()(x[None]).data[0], mean, rtol=1e-12)


def test_a_weight_that_is_mostly_noise_counts_as_zero_in_mean_and_noise():
    noisy = Noisy(nn.Linear(2, 1, bias=False, rng=0), rng=0)
    noisy.layer.weight.data = np.float32([[0.1, 1.0]])
    noisy.log_sigma2.data = np.float32([[math.log(0.01) + 3.001, -30]])
    assert noisy.kept().tolist() == [[False, True]]
    np.testing.assert_allclose(noisy(np.float32([[5, 2]])).data, [[2]], atol=1e-3)
    noisy.log_sigma2.data = np.float32([[math.log(0.01) + 2.999, -30]])
    assert noisy.kept().all()


def test_the_loss_adds_the_divergence_step_by_step():
    model = add_noise(nn.Sequential(nn.Linear(3, 2, rng=0), nn.ReLU(), nn.Linear(2, 2, rng=1)), rng=0)
    loss = VariationalLoss(model, examples=50, start=2, end=6, loss=lambda y, t: (y * 0.0).sum() + 7.0)
    y = model(np.ones((1, 3), np.float32))
    divergence = sum(kl_of_noise(layer.log_alpha()).item() for layer in noisy_layers(model).values())
    found = [loss(y, None).item() for _ in range(8)]
    assert found == pytest.approx([7 + r * divergence / 50 for r in (0, 0, 0, 0.25, 0.5, 0.75, 1, 1)], rel=1e-5)


def test_noise_is_added_and_removed_without_a_change_at_inference():
    model = models.cnn(1, 8, width=0.25)
    x = RNG.standard_normal((3, 1, 8, 8)).astype(np.float32)
    plain = model(x).data
    assert add_noise(model, rng=0, start=-30.0) is model and len(noisy_layers(model)) == 4
    np.testing.assert_array_equal(model.eval()(x).data, plain)
    for layer in noisy_layers(model).values():
        layer.log_sigma2.data = layer.log_sigma2.data + 26.5
    noisy = model(x).data
    masks = remove_noise(model)
    np.testing.assert_array_equal(model(x).data, noisy)
    assert 0 < masks.sparsity() < 1 and list(masks) == ["conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight"]
    assert all((model.state_dict()[name][~mask] == 0).all() for name, mask in masks.items())
    with pytest.raises(ValueError, match="remove_noise: the Sequential has no Noisy layer"):
        remove_noise(model)


def test_the_same_seed_draws_the_same_noise_and_layers_draw_their_own():
    x = np.ones((2, 4), np.float32)
    first, second = (add_noise(nn.Sequential(nn.Linear(4, 4, rng=0)), rng=3, start=0.0)(x).data for _ in range(2))
    np.testing.assert_array_equal(first, second)
    model = add_noise(nn.Sequential(nn.Linear(4, 4, rng=0), nn.Linear(4, 4, rng=0)), rng=3)
    assert model[0].rng.random() != model[1].rng.random() and len(model.generators()) == 2


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="add_noise: ReLU has no Conv2d and no Linear below it"):
        add_noise(nn.ReLU())
    with pytest.raises(ValueError, match="VariationalLoss: the Sequential has no Noisy layer"):
        VariationalLoss(models.mlp(4, 2), examples=1, start=0, end=1)
    with pytest.raises(ValueError, match="start and end have to be 0 ≤ start < end, got 3 and 3"):
        VariationalLoss(add_noise(models.mlp(4, 2)), examples=1, start=3, end=3)


def test_on_digits_most_weights_go_and_the_accuracy_stays():
    train, test = data.load("digits")
    preparation = data.preprocessing("digits")
    model = add_noise(models.mlp(64, 50), rng=0)
    loader = data.DataLoader(train, 100, shuffle=True, transform=preparation)
    loss = VariationalLoss(model, examples=len(train), start=2 * len(loader), end=15 * len(loader))
    fit(model, loader, optim.Adam(model.parameters(), lr=3e-3), 40, loss, progress=False)
    masks = remove_noise(model)
    assert masks.sparsity() > 0.85
    assert evaluate(model, data.DataLoader(test, 360, transform=preparation))["accuracy"] > 0.95     # whole: 0.975
