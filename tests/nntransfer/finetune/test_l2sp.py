import numpy as np
import pytest

from nnlite import models, nn, optim
from nntransfer import freeze
from nntransfer.finetune import StartPointLoss


def a_model(seed=0):
    return models.mlp(in_features=6, hidden=4, classes=3, seed=seed)


def nothing(outputs, *targets):
    return 0.0


def test_the_penalty_is_half_alpha_times_the_squared_way_from_the_start_and_half_beta_times_the_new_weights_squares():
    model = a_model()
    loss = StartPointLoss(model, alpha=0.3, beta=0.7, new=["fc2"])
    start = model.state_dict()
    model.fc1.weight.data += 0.5
    model.fc1.bias.data -= 0.25
    far = 24 * 0.25 + 4 * 0.0625  # (6·4) weights moved by 0.5, 4 biases by 0.25
    new = sum(float(w) ** 2 for name in ("fc2.weight", "fc2.bias") for w in start[name].flat)
    assert loss.penalty().item() == pytest.approx(0.15 * far + 0.35 * new, rel=1e-6)


def test_the_gradient_points_back_to_the_start():
    model = a_model()
    loss = StartPointLoss(model, alpha=0.3, beta=0.7, new=["fc2"], loss=nothing)
    w0 = model.fc1.weight.data.copy()
    model.fc1.weight.data += np.random.default_rng(0).standard_normal(w0.shape).astype(np.float32)
    loss(None).backward()
    np.testing.assert_allclose(model.fc1.weight.grad, np.float32(0.3) * (model.fc1.weight.data - w0), rtol=1e-5)
    np.testing.assert_allclose(model.fc2.weight.grad, np.float32(0.7) * model.fc2.weight.data, rtol=1e-6)


def test_without_another_loss_descent_ends_at_the_pretrained_weights():
    model, pretrained = a_model(), a_model().state_dict()
    loss = StartPointLoss(model, alpha=1.0, beta=1.0, new=["fc2"], loss=nothing)
    model.fc1.weight.data += 3
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    for _ in range(40):
        optimizer.zero_grad()
        loss(None).backward()
        optimizer.step()
    np.testing.assert_allclose(model.fc1.weight.data, pretrained["fc1.weight"], atol=1e-5)
    np.testing.assert_allclose(model.fc2.weight.data, 0, atol=1e-5)


def test_the_losses_add_up():
    model = a_model()
    loss = StartPointLoss(model, alpha=1.0, beta=0.0)
    model.fc1.bias.data += 1  # 4 biases moved by 1: ½·4
    assert loss(np.zeros((2, 3), np.float32), np.array([0, 2])).item() == pytest.approx(np.log(3) + 2, rel=1e-6)


def test_frozen_weights_are_left_out():
    model = a_model()
    freeze(model, "fc1")
    loss = StartPointLoss(model, alpha=1.0, beta=1.0)
    model.fc1.weight.data += 1
    assert loss.penalty().item() == 0
    freeze(model)
    assert loss.penalty() == 0


def test_pulls_that_are_no_numbers_from_0_up_and_unknown_layers_are_refused():
    with pytest.raises(ValueError, match="StartPointLoss: alpha has to be a number from 0 up, got -1"):
        StartPointLoss(a_model(), alpha=-1)
    with pytest.raises(ValueError, match="StartPointLoss: beta has to be a number from 0 up, got nan"):
        StartPointLoss(a_model(), beta=float("nan"))
    with pytest.raises(ValueError, match="StartPointLoss: the model has no parameter in 'fc9', only in fc1, fc2"):
        StartPointLoss(a_model(), new=["fc9"])
    assert StartPointLoss(nn.Linear(1, 1, rng=0)).penalty().item() == 0
    eleven = nn.Sequential(*(nn.Linear(2, 2, rng=0) for _ in range(11)))
    with pytest.raises(TypeError, match=r"new is a list of names, such as \['10'\], got the string '10'"):
        StartPointLoss(eleven, new="10")  # would be the layers 1 and 0
