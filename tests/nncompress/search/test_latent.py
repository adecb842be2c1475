import numpy as np
import pytest

from nncompress.search.latent import OnGrid
from nnlite import functional as F
from nnlite import models, nn, optim


def small(seed=0):
    rng = np.random.default_rng(seed)
    return nn.Sequential(nn.Conv2d(1, 3, 3, bias=False, rng=rng), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(),
                         nn.Linear(12, 4, rng=rng))


def batch(rng):
    return rng.standard_normal((8, 1, 4, 4)).astype(np.float32), rng.integers(0, 4, 8)


def learn(model, optimizer, images, labels):
    optimizer.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    gradients = {name: p.grad.copy() for name, p in model.named_parameters()}
    optimizer.step()
    return gradients


def test_weights_and_biases_are_the_nearest_points_of_their_layers_grid():
    model = small()
    optimizer = OnGrid(model, lambda params: optim.SGD(params, lr=0.1))
    mask = np.random.default_rng(0).random((4, 12)) < 0.5
    optimizer.set_masks({"4.weight": mask})
    optimizer.set_steps({"4": 0.25})
    t, b = optimizer.latents["4.weight"].data, optimizer.latents["4.bias"].data
    grid = 0.25 * np.arange(-9, 10)
    nearest = grid[np.abs(t[..., None] - grid).argmin(axis=-1)]
    np.testing.assert_array_equal(model[4].weight.data, np.where(mask, nearest, 0))
    np.testing.assert_array_equal(model[4].bias.data, grid[np.abs(b[:, None] - grid).argmin(axis=-1)])
    np.testing.assert_array_equal(model[0].weight.data, optimizer.latents["0.weight"].data)  # has no grid yet


def test_the_gradient_of_the_snapped_weights_moves_the_latent_ones_where_they_are_kept():
    model, rng = small(), np.random.default_rng(1)
    optimizer = OnGrid(model, lambda params: optim.SGD(params, lr=0.1))
    mask = rng.random((4, 12)) < 0.5
    optimizer.set_masks({"4.weight": mask})
    optimizer.set_steps({"4": 0.25})
    t, gamma = optimizer.latents["4.weight"].data.copy(), model[1].weight.data.copy()
    g = learn(model, optimizer, *batch(rng))
    np.testing.assert_allclose(optimizer.latents["4.weight"].data, t - 0.1 * np.where(mask, g["4.weight"], 0), atol=1e-7)
    np.testing.assert_allclose(model[1].weight.data, gamma - 0.1 * g["1.weight"], atol=1e-7)  # BatchNorm trains as ever


def test_a_removed_weight_stands_still_under_momentum_and_comes_back_with_its_value():
    model, rng = small(), np.random.default_rng(2)
    optimizer = OnGrid(model, lambda params: optim.Adam(params, lr=0.05))
    for _ in range(3):
        learn(model, optimizer, *batch(rng))
    mask, t = rng.random((4, 12)) < 0.5, optimizer.latents["4.weight"].data.copy()
    optimizer.set_masks({"4.weight": mask})
    for _ in range(3):
        learn(model, optimizer, *batch(rng))
        assert not model[4].weight.data[~mask].any()
    np.testing.assert_array_equal(optimizer.latents["4.weight"].data[~mask], t[~mask])
    assert (optimizer.latents["4.weight"].data[mask] != t[mask]).all()
    optimizer.set_masks({"4.weight": np.ones((4, 12), bool)})
    np.testing.assert_array_equal(model[4].weight.data[~mask], t[~mask])


def test_the_watcher_sees_the_gradients_of_removed_weights():
    model, seen = small(), []
    optimizer = OnGrid(model, lambda params: optim.SGD(params, lr=0.1))
    optimizer.set_masks({"4.weight": np.zeros((4, 12), bool)})
    optimizer.watch = lambda gradients: seen.append({name: g.copy() for name, g in gradients.items()})
    g = learn(model, optimizer, *batch(np.random.default_rng(3)))
    assert seen[0].keys() == {"0.weight", "4.weight", "4.bias"}
    np.testing.assert_array_equal(seen[0]["4.weight"], g["4.weight"])


def test_a_saved_state_goes_on_to_the_same_bits():
    def make():
        model = small()
        return model, OnGrid(model, lambda params: optim.Adam(params, lr=0.05))

    (one, first), rng = make(), np.random.default_rng(4)
    first.set_masks({"4.weight": rng.random((4, 12)) < 0.5})
    first.set_steps({"0": 0.125})
    batches = [batch(rng) for _ in range(4)]
    for b in batches[:2]:
        learn(one, first, *b)
    other, second = make()
    second.load_state_dict(first.state_dict())
    other.load_state_dict(one.state_dict())
    for b in batches[2:]:
        learn(one, first, *b)
        learn(other, second, *b)
    for name, a in one.state_dict().items():
        np.testing.assert_array_equal(a, other.state_dict()[name])


def test_what_does_not_fit_is_refused():
    optimizer = OnGrid(models.mlp(in_features=4, hidden=3), lambda params: optim.SGD(params, lr=0.1))
    with pytest.raises(ValueError, match=r"a mask of shape \(2, 2\) for fc1.weight"):
        optimizer.set_masks({"fc1.weight": np.ones((2, 2), bool)})
    with pytest.raises(ValueError, match="step 0 of fc1, expected a positive one of fc1, fc2"):
        optimizer.set_steps({"fc1": 0})
    with pytest.raises(ValueError, match="Sequential has no Conv2d and no Linear layer"):
        OnGrid(nn.Sequential(nn.BatchNorm2d(3)), lambda params: optim.SGD(params, lr=0.1))
