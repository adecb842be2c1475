import numpy as np
import pytest
from support import sample

from nncompress.quantization.binary import Binary, Ternary
from nncompress.quantization.qat import convert, prepare_qat
from nnlite import Tensor


def test_a_binary_weight_is_a_sign_and_the_mean_size_of_its_channel():
    w = np.float32([[1, -2, 3, 0], [-0.5, -0.5, 0.5, 0.5]])
    assert Binary()(Tensor(w)).data.tolist() == [[1.5, -1.5, 1.5, 1.5], [-0.5, -0.5, 0.5, 0.5]]
    assert Binary().scales(w).tolist() == [1.5, 0.5] and Binary().scales(0 * w).tolist() == [1, 1]


def test_no_other_size_and_signs_are_nearer():
    w = sample((1, 4), 3)
    nearest = Binary()(Tensor(w)).data
    for signs in np.ndindex(2, 2, 2, 2):
        for alpha in np.linspace(0.1, 2.2, 22):
            assert np.sum((w - nearest) ** 2) <= np.sum((w - alpha * (2 * np.array(signs) - 1)) ** 2) + 1e-12


def test_the_binary_gradient_is_that_of_xnor_net():
    w, dy = np.array([[0.5, -0.25, 2.0], [-3.0, 0.5, 1.0]]), sample((2, 3), 5)
    x = Tensor(w, requires_grad=True)
    Binary()(x).backward(dy)
    for o in range(2):
        alpha = sum(abs(t) for t in w[o]) / 3
        through_alpha = sum(dy[o, j] * np.sign(w[o, j]) for j in range(3)) / 3
        for i in range(3):
            expected = np.sign(w[o, i]) * through_alpha + alpha * dy[o, i] * (abs(w[o, i]) <= 1)
            assert np.isclose(x.grad[o, i], expected, rtol=1e-12)


def test_a_ternary_weight_by_hand():
    # mean |w| = 1.2, Δ = 0.84: kept are −2, 3 and 0.9; α = 5.9/3
    w = np.array([[0.1, -2.0, 3.0], [0.9, 0.8, -0.4]])
    x = Tensor(w, requires_grad=True)
    y = Ternary()(x)
    np.testing.assert_allclose(y.data, 5.9 / 3 * np.array([[0, -1, 1], [1, 0, 0]]), rtol=1e-7)
    y.backward(sample((2, 3), 1))
    np.testing.assert_array_equal(x.grad, sample((2, 3), 1))
    assert np.isclose(Ternary().scales(w), 5.9 / 3) and Ternary().scales(0 * w) == 1
    assert not Ternary()(Tensor(0 * w)).data.any()


@pytest.mark.parametrize("seed", range(3))
def test_the_ternary_threshold_is_near_the_best(seed):
    w = np.random.default_rng(seed).standard_normal((10, 200))
    error = np.sum((w - Ternary()(Tensor(w)).data) ** 2)
    best = min(np.sum(np.where(abs(w) > t, (abs(w) - abs(w)[abs(w) > t].mean()), w) ** 2) for t in np.linspace(0.1, 2, 96))
    assert error < 1.01 * best


@pytest.mark.parametrize("kind, values", [(Binary, {-1, 1}), (Ternary, {-1, 0, 1})])
def test_it_trains_and_the_plan_computes_with_two_or_three_integers(digits, kind, values):
    network = prepare_qat(digits.model(), digits.calibration, weights=lambda w: kind())
    before = digits.errors(network.eval())
    digits.fit(network, epochs=6)
    plan = convert(network)
    assert digits.errors(plan) < min(before, 40) and abs(digits.errors(plan) - digits.errors(network)) <= 2
    for step in plan.steps:
        if step.w is not None:
            assert set(np.unique(step.w)) <= values
