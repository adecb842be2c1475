import math
from functools import partial

import numpy as np
import pytest

from nncompress import quantize
from nncompress.quantization.input_moments import InputMoments
from nncompress.quantization.rounding import Layer, round_by_rate, round_nearest
from nnlite import models


@pytest.fixture
def layer():
    rng, moments = np.random.default_rng(0), InputMoments(None)
    moments.rows, moments.squares = 1, np.diag(rng.random(200))[None]
    w = rng.standard_normal((10, 200)).astype(np.float32)
    return Layer("fc", w, np.full(10, np.abs(w).max() / 7, np.float32), 7, moments)


def entropy(q):
    p = np.unique(q, return_counts=True)[1] / q.size
    return float(-(p * np.log2(p)).sum())


def test_without_a_price_the_integers_are_the_nearest(layer):
    np.testing.assert_array_equal(round_by_rate(layer, 0), round_nearest(layer))


def test_a_higher_price_gives_fewer_bits_and_more_error(layer):
    found = [round_by_rate(layer, price) for price in (0, 0.003, 0.01, 0.03, 0.1, 0.3)]
    bits = [entropy(q) for q in found]
    h = np.diagonal(layer.inputs.squares[0])
    errors = [float((h * (layer.w - layer.S[0] * q) ** 2).sum()) for q in found]
    assert bits == sorted(bits, reverse=True) and errors == sorted(errors)
    assert bits[-1] < 0.5 * bits[0]


def test_each_weight_takes_the_cheapest_of_its_choices(layer):
    price, curvature = 0.02, np.random.default_rng(1).random((10, 200))
    nearest, chosen = round_nearest(layer), round_by_rate(layer, 0.02, {"fc": curvature}, iterations=1)
    share = {k: (nearest == k).sum() / nearest.size for k in range(-7, 8)}
    for (o, i), q in np.ndenumerate(chosen):
        def cost(k, o=o, i=i):
            bits = -math.log2(share[k]) if share[k] else math.inf
            return curvature[o, i] * (float(layer.w[o, i]) - k * float(layer.S[o])) ** 2 + price * bits

        near = int(nearest[o, i])
        assert q == min([near, max(near - 1, -7), min(near + 1, 7), 0], key=cost)


def test_a_plan_takes_fewer_bits_a_weight():
    model, x = models.mlp(16, hidden=20), np.random.default_rng(0).standard_normal((50, 16)).astype(np.float32)
    roundings = round_nearest, partial(round_by_rate, price=2e-4)
    plain, cheap = (quantize(model, x, bits=5, per="layer", rounding=rounding) for rounding in roundings)
    for a, b in zip(plain.steps, cheap.steps, strict=True):
        if a.w is not None:
            assert entropy(b.w) < entropy(a.w)
    y = model(x).data
    assert (cheap(x) - y).std() < 0.2 * y.std()


@pytest.mark.parametrize("options, message", [
    ({"price": -1}, "round_by_rate: price has to be 0 or positive, got -1"),
    ({"price": 1, "curvature": {"fc1": np.ones(2)}}, r"round_by_rate: curvature has \['fc1'\]; fc needs 2000 numbers"),
    ({"price": 1, "curvature": {"fc": np.ones(2)}}, r"round_by_rate: curvature has \['fc'\]; fc needs 2000 numbers"),
])
def test_options_that_do_not_fit_are_refused(layer, options, message):
    with pytest.raises(ValueError, match=message):
        round_by_rate(layer, **options)
