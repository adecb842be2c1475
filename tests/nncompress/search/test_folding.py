import numpy as np

from nncompress.search.curvature import RankOneCurvature
from nncompress.search.folding import fold, folded_batch_norms
from nncompress.search.latent import OnGrid
from nnlite import functional as F
from nnlite import models, nn, optim
from nnlite.nn.module import inference_mode


def trained():
    """A small ResNet after three steps, with what follows it."""
    rng, model = np.random.default_rng(0), models.resnet(in_channels=1, width=0.25)
    grid, curvature = OnGrid(model, lambda params: optim.Adam(params, lr=0.05)), RankOneCurvature(every=1)
    grid.watch = curvature
    x, y = rng.standard_normal((16, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, 16)
    for _ in range(3):
        grid.zero_grad()
        F.cross_entropy(model(x), y).backward()
        grid.step()
    return model, grid, curvature, x, y


def test_the_folded_model_computes_the_same_and_its_norms_only_add():
    model, grid, curvature, x, _ = trained()
    with inference_mode(model):
        before = model(x).data
    pairs = folded_batch_norms(model, x[:1])
    assert ("conv1", "bn1") in pairs and len(pairs) == 9
    fold(model, pairs, grid, curvature)
    with inference_mode(model):
        np.testing.assert_allclose(model(x).data, before, rtol=1e-3, atol=1e-4)
    z = np.random.default_rng(1).standard_normal((2, 4, 3, 3)).astype(np.float32)
    shift = model.bn1.bias.data.reshape(-1, 1, 1)
    np.testing.assert_allclose(model.train().bn1(z).data, z + shift, atol=1e-6)  # in training, too


def test_gradients_and_averages_are_those_of_the_scaled_weights():
    model, grid, curvature, x, y = trained()
    s = model.bn1.weight.data / np.sqrt(model.bn1.running_var.data + np.float32(model.bn1.eps))
    i = grid.order.index("conv1.weight")
    w, m, v = grid.latents["conv1.weight"].data.copy(), *(grid.inner.state[i][key].copy() for key in ("exp_avg", "exp_avg_sq"))
    h, rows = curvature.of("conv1.weight", w.shape), s.reshape(-1, 1, 1, 1)
    fold(model, folded_batch_norms(model, x[:1]), grid, curvature)
    np.testing.assert_allclose(grid.latents["conv1.weight"].data, w * rows, rtol=1e-6)
    np.testing.assert_allclose(grid.inner.state[i]["exp_avg"], m / rows, rtol=1e-5)
    np.testing.assert_allclose(grid.inner.state[i]["exp_avg_sq"], v / rows**2, rtol=1e-5)
    ratio = curvature.of("conv1.weight", w.shape) / h * rows**2
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=1e-6)
    grid.zero_grad()
    F.cross_entropy(model(x), y).backward()
    assert model.bn1.weight.grad is None and model.bn1.bias.grad.any()


def test_a_batch_norm_of_something_else_is_left_alone():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.ReLU(), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3, rng=0))
    assert folded_batch_norms(model, np.zeros((1, 1, 4, 4), np.float32)) == []
