import numpy as np
import pytest

from nncompress.pruning.gradients import gauss_newton_diagonal, mean_gradients, mean_squared_gradients
from nnlite import functional as F
from nnlite import nn


def network(last=3):
    """Convolution, BatchNorm, ReLU, pooling, linear; in float64."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(8, last, rng=1))
    rng = np.random.default_rng(5)
    for tensor in [*model.parameters(), model[1].running_mean]:
        tensor.data = tensor.data.astype(np.float64) + 0.3 * rng.normal(size=tensor.shape)
    return model


def batches(sizes=(3, 2), classes=3):
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(n, 1, 6, 6)), rng.integers(0, classes, n)) for n in sizes]


def losses(model, loader, loss):
    """The loss of each example."""
    model.eval()
    return np.array([loss(model(x[n : n + 1]), y[n : n + 1]).item() for x, y in loader for n in range(len(x))])


def changed(model, name, i, step):
    """The losses with one weight changed."""
    w = dict(model.named_parameters())[name].data
    before = w.flat[i]
    w.flat[i] = before + step
    found = losses(model, batches(), F.cross_entropy)
    w.flat[i] = before
    return found


NAMES = ["0.weight", "0.bias", "5.weight", "5.bias"]


def test_the_fisher_is_the_mean_of_the_squared_gradients_of_single_examples():
    model = network()
    found = mean_squared_gradients(model, batches(), F.cross_entropy, NAMES)
    for name, array in found.items():
        for i in range(array.size):
            g = (changed(model, name, i, 1e-5) - changed(model, name, i, -1e-5)) / 2e-5
            assert array.flat[i] == pytest.approx((g**2).mean(), rel=1e-6, abs=1e-10)


def test_in_a_network_of_relu_and_pooling_the_curvature_is_the_hessians_diagonal():
    model, h = network(), 1e-3
    found = gauss_newton_diagonal(model, batches(), F.cross_entropy, NAMES)
    for name, array in found.items():
        for i in range(array.size):
            middle, there, back = (changed(model, name, i, step).mean() for step in (0, h, -h))
            assert array.flat[i] == pytest.approx((there - 2 * middle + back) / h**2, rel=1e-3, abs=1e-6)


def test_the_curvature_of_a_quadratic_is_found_exactly():
    rng = np.random.default_rng(1)
    x, t = rng.normal(size=(7, 4)), rng.normal(size=(7, 3))
    layer = nn.Linear(4, 3, rng=0)
    for parameter in layer.parameters():
        parameter.data = parameter.data.astype(np.float64)

    def loss(z, t):                                                         # ½ Σ_c (z_c − t_c)², the mean over examples
        return ((z - t) ** 2).sum() * (0.5 / len(z))

    found = gauss_newton_diagonal(layer, [(x[:5], t[:5]), (x[5:], t[5:])], loss, ["weight", "bias"])
    np.testing.assert_allclose(found["weight"], np.tile((x**2).mean(axis=0), (3, 1)), rtol=1e-9)
    np.testing.assert_allclose(found["bias"], np.ones(3), rtol=1e-9)


def test_how_examples_are_cut_into_batches_does_not_matter():
    model, (whole,) = network(), batches((5,))
    parts = [tuple(part[:4] for part in whole), tuple(part[4:] for part in whole)]
    for gather in (mean_gradients, mean_squared_gradients, gauss_newton_diagonal):
        one, two = (gather(model, loader, F.cross_entropy, ["5.weight"])["5.weight"] for loader in ([whole], parts))
        np.testing.assert_allclose(one, two, rtol=1e-9)
