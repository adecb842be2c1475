import math

import numpy as np
import pytest
from support import check_gradients, sample

from nncompress import quantize
from nncompress.coding.huffman import entropy_bits
from nncompress.quantization.epr import EntropyPenalised, bits_per_weight, logistic_bits, penalise_entropy, weight_bits
from nnlite import Tensor, nn
from nnlite import functional as F


def sigma(x):
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("t", [-1.0, 0.0, 2.5])
def test_the_price_is_the_logarithm_of_the_logistic_probability(t):
    x = np.array([-7.5, -1.0, 0.0, 0.3, 4.0])
    expected = [-math.log2(sigma((y + 0.5) / math.exp(t)) - sigma((y - 0.5) / math.exp(t))) for y in x.tolist()]
    np.testing.assert_allclose(logistic_bits(Tensor(x), Tensor(np.float64(t))).data, expected, rtol=1e-9)


def test_the_probabilities_of_all_integers_are_1_and_far_away_the_price_is_finite():
    bits = logistic_bits(Tensor(np.arange(-200.0, 201)), Tensor(np.float64(1.5))).data
    assert np.isclose(np.sum(2.0**-bits), 1, rtol=1e-9)
    far = logistic_bits(Tensor(np.float32([5000.0])), Tensor(np.float32(0))).data  # the difference of two σ is 0 in any float
    assert np.isclose(far, (5000 - 0.5 - math.log(1 - math.exp(-1))) / math.log(2), rtol=1e-6)


def test_the_gradients_of_the_price():
    check_gradients(logistic_bits, sample((3, 4)), np.array(0.7))


def test_the_weight_is_on_the_grid_and_its_gradients_are_straight_through():
    grid, v = EntropyPenalised(s=math.log(0.5)), Tensor(np.float32([-0.8, 0.1, 0.6, 1.3]), requires_grad=True)
    w = grid(v)
    np.testing.assert_allclose(w.data, [-1.0, 0.0, 0.5, 1.5], rtol=1e-6)
    w.backward(np.float32([1, 10, 100, 1000]))
    np.testing.assert_allclose(v.grad, [1, 10, 100, 1000], rtol=1e-6)
    # dw/ds = e^s (round(u) − u) = w − v
    np.testing.assert_allclose(grid.s.grad, -0.2 * 1 - 0.1 * 10 - 0.1 * 100 + 0.2 * 1000, rtol=1e-4)


def test_in_training_the_price_is_that_of_noisy_numbers_and_at_inference_of_the_rounded_ones():
    v = Tensor(np.float32([0.2, -3.0, 1.0]))
    grid, rng = EntropyPenalised(s=0.0, t=0.5, rng=7), np.random.default_rng(7)
    noisy = logistic_bits(v + rng.uniform(-0.5, 0.5, 3), grid.t).data.sum()
    np.testing.assert_allclose(grid.bits(v).data, noisy, rtol=1e-6)
    rounded = logistic_bits(Tensor(np.float32([0, -3, 1])), grid.t).data.sum()
    np.testing.assert_allclose(grid.eval().bits(v).data, rounded, rtol=1e-6)


def test_training_buys_fewer_bits_for_few_errors(digits):
    model = penalise_entropy(digits.model(), rng=0)
    before = bits_per_weight(model)

    def loss(logits, labels):
        bits, n = weight_bits(model)
        return F.cross_entropy(logits, labels) + 0.5 * bits / n

    digits.fit(model, epochs=12, lr=1e-2, loss=loss)
    assert bits_per_weight(model) < 0.5 * before and digits.errors(model) < 36
    coded = [module.parametrizations["weight"] for module in model.modules() if isinstance(module, nn.Linear)]
    codes = [np.rint(p.original.data * np.exp(-p[0].s.data)).astype(int) for p in coded]
    entropy = sum(entropy_bits(np.unique(c, return_counts=True)[1]) * c.size for c in codes) / sum(c.size for c in codes)
    assert entropy <= bits_per_weight(model) * 1.02  # no fixed distribution codes them in fewer bits than their own
    plan = quantize(model, digits.calibration, per="layer")
    assert abs(digits.errors(plan) - digits.errors(model)) <= 3


def test_a_model_without_a_price_is_named():
    with pytest.raises(ValueError, match="weight_bits: Linear has no weight with an EntropyPenalised"):
        weight_bits(nn.Linear(2, 2))
