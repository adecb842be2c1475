import numpy as np
import pytest

from nnlite import models, nn
from nntransfer.fusion import average_weights, diagonal_fisher, fisher_average


def softmax_layer():
    layer = nn.Linear(2, 2)
    layer.weight.data, layer.bias.data = np.float32([[1, 0], [0, 0]]), np.float32([0, 0])
    return layer


def test_the_fisher_information_of_a_softmax_layer_is_p_times_1_minus_p_times_x_squared():
    # ∂ ln p_c/∂w_ki = (1[c = k] − p_k) x_i; its square, weighted by p_c, is p_k (1 − p_k) x_i² for each k.
    x = np.float32([[2, 1], [-1, 3]])
    fisher = diagonal_fisher(softmax_layer(), [(x[:1], None), (x[1:], None)])
    p = 1 / (1 + np.exp(-x[:, 0].astype(float)))
    spread = p * (1 - p)
    expected = (spread[:, None] * np.square(x)).mean(axis=0)
    np.testing.assert_allclose(fisher["weight"], [expected, expected], rtol=1e-5)
    np.testing.assert_allclose(fisher["bias"], [spread.mean()] * 2, rtol=1e-5)


def test_the_model_stays_as_it_is_and_infers():
    model = nn.Sequential(nn.Dropout(0.9, rng=0), softmax_layer()).train()
    model[1].weight.requires_grad = False
    once, twice = (diagonal_fisher(model, [(np.float32([[2, 1]]),)])["1.weight"] for _ in range(2))
    np.testing.assert_array_equal(once, twice)
    assert once.all() and model.training and model[1].bias.grad is None and not model[1].weight.requires_grad


def numbers(*weights):
    layers = [nn.Linear(2, 1, bias=False) for _ in weights]
    for layer, w in zip(layers, weights, strict=True):
        layer.weight.data = np.float32([w])
    return layers


def test_the_weighted_mean_by_hand_and_the_plain_one_where_nobody_is_sure():
    mean = fisher_average(numbers([1, 2], [5, 4]), [{"weight": [[3.0, 0]]}, {"weight": [[1.0, 0]]}])
    assert mean.weight.data.tolist() == [[2, 3]]


def test_equal_fishers_give_the_mean():
    both = [models.cnn(1, 8, width=0.25, seed=seed) for seed in (0, 1)]
    rng = np.random.default_rng(0)
    fisher = {name: rng.uniform(0, 1e-3, tensor.shape) for name, tensor in both[0].named_parameters()}
    mean = average_weights(both).state_dict()
    for name, array in fisher_average(both, [fisher, fisher]).state_dict().items():
        np.testing.assert_allclose(array, mean[name], rtol=2e-7, atol=1e-12)


def test_fishers_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="expects the Fisher information of each of 2 models, got 1"):
        fisher_average(numbers([1, 2], [3, 4]), [{}])
    with pytest.raises(ValueError, match=r"weight in model 0 has to be \(1, 2\) of finite numbers ≥ 0, got none"):
        fisher_average(numbers([1, 2]), [{}])
    with pytest.raises(ValueError, match=r"weight in model 0 has to be \(1, 2\) of finite numbers ≥ 0, got \(1, 2\)"):
        fisher_average(numbers([1, 2]), [{"weight": [[1, -1]]}])
    with pytest.raises(ValueError, match="diagonal_fisher: the loader gives no image"):
        diagonal_fisher(softmax_layer(), [])
