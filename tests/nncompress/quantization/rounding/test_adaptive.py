import itertools
from functools import partial

import numpy as np
import pytest

from nncompress import quantize
from nncompress.quantization.input_moments import InputMoments
from nncompress.quantization.rounding import Layer, adaround, round_nearest
from nncompress.quantization.rounding.adaptive import nearest_error, output_gradient, push_gradient
from nnlite import data, models, nn, optim
from nnlite import functional as F


def random_layer(seed, O, K, G=1, top=3, size=1):
    """Weights (O, K) and moments of inputs that go together."""
    rng = np.random.default_rng(seed)
    moments = InputMoments(None)
    x = rng.standard_normal((G, 200, K)) @ rng.standard_normal((G, K, K)) + rng.standard_normal((G, 1, K))
    x = x * size
    moments.rows, moments.squares = 200, x.swapaxes(1, 2) @ x
    w = rng.standard_normal((O, K)).astype(np.float32)
    return Layer("fc", w, np.float32(np.abs(w).max(axis=1) / top), top, moments), x


def error(layer, x, q):
    """E‖Wx − Ŵx‖²"""
    delta = (layer.w - layer.S[:, None] * q).reshape(len(x), -1, x.shape[2])
    return float((np.einsum("gok,grk->gor", delta, x) ** 2).mean(axis=2).sum())


@pytest.mark.parametrize("G, size", [(1, 1), (2, 1), (1, 1000), (1, 0.001)])
def test_the_output_changes_less_than_by_the_nearest_integers(G, size):
    for seed in range(2, 4):
        layer, x = random_layer(seed, 4, 12, G, size=size)
        q = adaround(layer, steps=1500, lr=1e-2)
        assert q.dtype == np.int8 and np.abs(q).max() <= 3
        w = layer.w / layer.S[:, None]
        assert ((q == np.floor(w)) | (q == np.ceil(w)) | (np.abs(w - np.rint(w)) < 1e-5)).all()  # down or up, nothing else
        assert error(layer, x, q) < 0.75 * error(layer, x, round_nearest(layer))


def test_few_weights_are_rounded_nearly_as_well_as_by_trying_all():
    for seed in range(3):
        layer, x = random_layer(seed, 1, 7)
        low = np.floor(layer.w / layer.S[:, None])
        best = min(error(layer, x, np.clip(low + up, -3, 3)) for up in itertools.product([0, 1], repeat=7))
        assert 0.999 * best <= error(layer, x, adaround(layer, steps=1500, lr=1e-2)) <= 1.5 * best


def test_the_error_of_the_nearest_integers_is_that_of_the_outputs():
    layer, x = random_layer(0, 4, 5, 2)
    assert nearest_error(layer) == pytest.approx(error(layer, x, round_nearest(layer)), rel=1e-6)


def test_gradients_are_those_of_the_formulas():
    rng, eps = np.random.default_rng(0), 1e-6
    delta, h, A = rng.standard_normal((4, 3)), rng.random((4, 3)), rng.standard_normal((2, 3, 3))
    H = A @ A.swapaxes(1, 2)
    loss = [lambda d: sum(d[o] @ H[o // 2] @ d[o] for o in range(4)), lambda u: (1 - np.abs(2 * u - 1) ** 3.5).sum()]
    for f, at, gradient in (loss[0], delta, output_gradient(delta, H)), (loss[1], h, push_gradient(h, 3.5)):
        for index in np.ndindex(4, 3):
            step = np.zeros((4, 3))
            step[index] = eps
            assert gradient[index] == pytest.approx((f(at + step) - f(at - step)) / (2 * eps), rel=1e-5, abs=1e-7)


def test_weights_on_the_grid_stay():
    layer, _ = random_layer(0, 3, 5)
    k = np.random.default_rng(1).integers(-3, 4, (3, 5))
    layer = layer._replace(w=np.float32(k * layer.S[:, None]))
    np.testing.assert_array_equal(adaround(layer, steps=50), k)


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="adaround: steps has to be at least 1, got 0"):
        adaround(random_layer(0, 2, 2)[0], steps=0)


@pytest.mark.parametrize("seed", range(3))
def test_four_bits_of_a_trained_network_lose_less(seed):
    train, test = data.load("digits")
    x, test_x = ((part.images / 255).astype(np.float32) for part in (train, test))
    model = models.mlp(64, 32, 10, seed=seed)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for i in [*range(0, len(x), 32)] * 4:
        loss = F.cross_entropy(model(x[i : i + 32]), train.labels[i : i + 32])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    logits = model(test_x).data
    roundings = round_nearest, partial(adaround, steps=1000, lr=1e-2)
    nearest, learned = (quantize(model, x[:300], bits=4, rounding=r)(test_x) - logits for r in roundings)
    assert learned.std() < 0.7 * nearest.std()


def test_the_same_call_gives_the_same_bits():
    model = nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    x = np.random.default_rng(0).standard_normal((9, 2, 6, 6)).astype(np.float32)
    one, two = (quantize(model, x, bits=3, rounding=partial(adaround, steps=100, lr=0.05)) for _ in range(2))
    for a, b in zip(one.steps, two.steps, strict=True):
        if a.w is not None:
            np.testing.assert_array_equal(a.w, b.w)
    assert any((a.w != b.w).any() for a, b in zip(one.steps, quantize(model, x, bits=3).steps, strict=True) if a.w is not None)
