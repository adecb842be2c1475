import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from losses import REDUCTIONS, distributions
from support import check_dtypes_and_layouts, check_gradients, sample

from nnlite import Tensor
from nnlite import functional as F


def log_softmax(z):
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def from_indices(log_p, target, weight, smoothing):
    """−(1 − ε) w_t ln p_t − ε/C Σ_c w_c ln p_c for each row, and what the mean divides by: Σ_n w of the right class."""
    rows = np.arange(len(target))
    losses = -(1 - smoothing) * weight[target] * log_p[rows, target] - smoothing / len(weight) * log_p @ weight
    return losses, math.fsum(weight[target])


def from_probabilities(log_p, target, weight, smoothing):
    """−Σ_c w_c ((1 − ε) t_c + ε/C) ln p_c for each row, and what the mean divides by: the rows."""
    return -np.einsum("nc,c,nc->n", (1 - smoothing) * target + smoothing / len(weight), weight, log_p), len(target)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
@settings(deadline=None, max_examples=25)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_cross_entropy_equals_its_formula(weighted, smoothing, N, C, seed):
    rng = np.random.default_rng(seed)
    z, weight = rng.normal(0, 2, (N, C)), rng.uniform(0.5, 2, C) if weighted else np.ones(C)
    probabilities = rng.dirichlet(np.ones(C), N)
    for target, formula in [(rng.integers(0, C, N), from_indices), (probabilities, from_probabilities)]:
        losses, divisor = formula(log_softmax(z), target, weight, smoothing)
        for reduction, expected in [("none", losses), ("sum", losses.sum()), ("mean", losses.sum() / divisor)]:
            loss = F.cross_entropy(z, target, weight=weight if weighted else None, reduction=reduction,
                                   label_smoothing=smoothing)
            np.testing.assert_allclose(loss.data, expected, rtol=1e-13, atol=1e-13)
            if smoothing == 0:
                loss = F.nll_loss(log_softmax(z), target, weight=weight if weighted else None, reduction=reduction)
                np.testing.assert_allclose(loss.data, expected, rtol=1e-13, atol=1e-13)


def test_cross_entropy_worked_by_hand():
    z = np.log([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]])  # softmax: ⅛ ¼ ⅝ and ¼ ¼ ½
    assert F.cross_entropy(z, np.array([1, 2])).item() == pytest.approx((math.log(4) + math.log(2)) / 2)
    weighted = F.cross_entropy(z, np.array([1, 2]), weight=np.array([1.0, 3.0, 1.0]))
    assert weighted.item() == pytest.approx((3 * math.log(4) + math.log(2)) / 4)
    smoothed = F.cross_entropy(z, np.array([1, 2]), reduction="none", label_smoothing=0.3)
    assert smoothed.data[1] == pytest.approx(0.8 * math.log(2) + 0.1 * math.log(4) + 0.1 * math.log(4))
    soft = F.cross_entropy(z, np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]), reduction="sum")
    assert soft.item() == pytest.approx((math.log(8) + math.log(4)) / 2 + math.log(2))


def test_the_gradient_is_prediction_less_truth():
    z = Tensor(np.log([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]]), requires_grad=True)
    F.cross_entropy(z, np.array([1, 2]), reduction="sum").backward()
    np.testing.assert_allclose(z.grad, [[1 / 8, 1 / 4 - 1, 5 / 8], [1 / 4, 1 / 4, 1 / 2 - 1]], rtol=1e-14)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weight", [None, np.array([0.5, 2.0, 1.5])])
@pytest.mark.parametrize("target", [np.array([2, 0, 1, 2]), distributions(4, 3)], ids=["indices", "probabilities"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gradients_of_classification_losses(reduction, target, weight, smoothing):
    def cross_entropy(z):
        return F.cross_entropy(z, target, weight=weight, reduction=reduction, label_smoothing=smoothing)

    def nll_loss(z):
        return F.nll_loss(z, target, weight=weight, reduction=reduction)

    check_gradients(cross_entropy, (4, 3))
    check_gradients(nll_loss, (4, 3))
    check_dtypes_and_layouts(cross_entropy, (4, 3))
    check_dtypes_and_layouts(nll_loss, (4, 3))


def test_gradients_of_classification_losses_on_a_large_batch():
    target = np.random.default_rng(0).integers(0, 10, 64)
    check_gradients(lambda z: F.cross_entropy(z, target), (64, 10))
    check_gradients(lambda z: F.nll_loss(F.log_softmax(z), target), (64, 10))


def test_targets_that_do_not_sum_to_1_have_their_gradient_too():
    target = np.array([[0.2, 0.3, 0.0], [2.0, 1.0, 4.0]])
    check_gradients(lambda z: F.cross_entropy(z, target), (2, 3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classification_with_logits_of_ten_thousand_stays_finite(dtype):
    z = Tensor(np.array([[1e4, -1e4, 0]] * 3, dtype), requires_grad=True)
    loss = F.cross_entropy(z, np.array([0, 1, 2]), reduction="none")
    loss.backward(np.ones(3))
    assert loss.data.tolist() == [0, 2e4, 1e4]
    assert z.grad.tolist() == [[0, 0, 0], [1, -1, 0], [1, 0, -1]]


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
def test_class_indices_may_be_any_whole_numbers_and_a_tensor(kind):
    z, target = sample((3, 4)), np.array([3, 0, 2], kind)
    losses = {F.cross_entropy(z, t).item() for t in (target, Tensor(target), [3, 0, 2])}
    assert len(losses) == 1


Z = np.zeros((2, 3))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: F.cross_entropy(np.zeros(3), np.array([0])),
     r"^cross_entropy: logits \(3,\) need class indices \(\) or probabilities \(3,\), got int64 \(1,\)$"),
    (lambda: F.cross_entropy(np.zeros(()), 0), r"^cross_entropy: expects logits .* got \(\)$"),
    (lambda: F.cross_entropy(np.zeros((0, 3)), np.empty(0, int)), r"^cross_entropy: expects logits .* got \(0, 3\)$"),
    (lambda: F.nll_loss(np.zeros((2, 0)), np.array([0, 0])), r"^nll_loss: expects logits .* got \(2, 0\)$"),
    (lambda: F.cross_entropy(np.zeros((2, 3, 2, 2)), np.full((2, 2, 2), [[0, 1], [2, 3]])),
     r"^cross_entropy: target 3 at position \(0, 1, 1\) is not a class from 0 to 2$"),
    (lambda: F.cross_entropy(np.zeros(3), 3), r"^cross_entropy: target 3 is not a class from 0 to 2$"),
    (lambda: F.cross_entropy(Z, np.array([1, 1]), ignore_index=1),
     r"^cross_entropy: all 2 targets are ignored, so there is no mean$"),
    (lambda: F.cross_entropy(Z, np.array([0, 3])), r"^cross_entropy: target 3 at position 1 is not a class from 0 to 2$"),
    (lambda: F.cross_entropy(Z, np.array([-1, 3])), r"^cross_entropy: target -1 at position 0 is not a class from 0 to 2$"),
    (lambda: F.nll_loss(Z, np.array([0, 1, 2])), r"^nll_loss: logits \(2, 3\) need class indices \(2,\) .* got int64 \(3,\)$"),
    (lambda: F.cross_entropy(Z, np.array([[0], [1]])),
     r"^cross_entropy: logits \(2, 3\) need class indices \(2,\) or probabilities \(2, 3\), got int64 \(2, 1\)$"),
    (lambda: F.cross_entropy(Z, np.array([0.0, 1.0])),
     r"^cross_entropy: logits \(2, 3\) need class indices \(2,\) or probabilities \(2, 3\), got float64 \(2,\)$"),
    (lambda: F.cross_entropy(Z, np.log([[0.5, 0.25, 0.25]] * 2)),
     r"^cross_entropy: a target probability is -1\.38629; log-probabilities have to be turned back by exp$"),
    (lambda: F.cross_entropy(Z, np.array([0, 1]), weight=np.ones(2)),
     r"^cross_entropy: weight has shape \(2,\), the logits have 3 classes$"),
    (lambda: F.cross_entropy(Z, np.array([0, 1]), label_smoothing=1.5),
     r"^cross_entropy: label_smoothing has to be in \[0, 1\], got 1\.5$"),
    (lambda: F.cross_entropy(Z, np.array([0, 1]), reduction="batchmean"),
     r"^reduction has to be mean, sum or none, got 'batchmean'$"),
])
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- a term with t = 0 is 0 ----

IMPOSSIBLE = np.array([[0, -np.inf, 1], [2, 0, -np.inf]])  # logits
RIGHT = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-2))) / 2  # 0.220095


@pytest.mark.parametrize("target", [np.array([2, 0]), np.eye(3)[[2, 0]]], ids=["indices", "probabilities"])
def test_a_class_with_logit_minus_infinity_that_is_not_the_right_one_costs_nothing(target):
    z = Tensor(IMPOSSIBLE, requires_grad=True)
    loss = F.cross_entropy(z, target)
    loss.backward()
    assert loss.item() == pytest.approx(RIGHT, rel=1e-14)
    a, b = 1 / (1 + math.exp(1)), 1 / (1 + math.exp(2))  # the probabilities of the other possible class
    np.testing.assert_allclose(z.grad, [[a / 2, 0, -a / 2], [-b / 2, b / 2, 0]], rtol=1e-14)


@pytest.mark.parametrize("target", [np.array([2, 0]), np.eye(3)[[2, 0]]], ids=["indices", "probabilities"])
def test_nll_loss_of_a_probability_0_that_is_not_the_right_ones_is_finite(target):
    log_p = Tensor(np.log([[0.25, 0.5, 0.25], [1, 0.5, 0.5]]) + [[0, -np.inf, 0], [0, -np.inf, -np.inf]], requires_grad=True)
    loss = F.nll_loss(log_p, target)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(4) / 2, rel=1e-14)
    assert log_p.grad.tolist() == [[0, 0, -0.5], [-0.5, 0, 0]]


def test_the_right_class_with_logit_minus_infinity_costs_infinitely_much():
    assert F.cross_entropy(IMPOSSIBLE, [1, 0]).item() == math.inf
    assert F.cross_entropy(IMPOSSIBLE, [2, 0], label_smoothing=0.1).item() == math.inf


# ---- ignored examples, places, single examples ----


def test_an_ignored_example_has_no_loss_and_no_gradient_and_the_mean_leaves_it_out():
    z = Tensor(np.log([[1.0, 2.0, 5.0], [9.0, 9.0, 9.0], [1.0, 1.0, 2.0]]), requires_grad=True)
    F.cross_entropy(z, np.array([1, -100, 2])).backward()
    np.testing.assert_allclose(z.grad, np.array([[1, -6, 5], [0, 0, 0], [2, 2, -4]]) / 16, rtol=1e-14, atol=1e-17)
    for options in ({}, {"label_smoothing": 0.3}, {"weight": np.array([1.0, 3.0, 1.0])}):
        without = F.cross_entropy(z.data[[0, 2]], np.array([1, 2]), **options)
        assert F.cross_entropy(z, np.array([1, 0, 2]), ignore_index=0, **options).item() == pytest.approx(without.item())
        assert F.cross_entropy(z, np.array([1, -1, 2]), ignore_index=-1, reduction="none", **options).data[1] == 0
    assert F.nll_loss(z.data, np.array([1, -100, 2])).item() == pytest.approx(-math.log(4) / 2)


def test_each_pixel_is_an_example_of_its_own():
    rng = np.random.default_rng(0)
    z, target, weight = rng.normal(size=(2, 3, 4, 5)), rng.integers(0, 3, (2, 4, 5)), np.array([0.5, 2.0, 1.5])
    rows, labels = z.transpose(0, 2, 3, 1).reshape(-1, 3), target.reshape(-1)
    for options in ({}, {"weight": weight}, {"label_smoothing": 0.2}, {"ignore_index": 2}):
        for t, flat in ((target, labels), (np.eye(3)[target].transpose(0, 3, 1, 2), np.eye(3)[labels])):
            if "ignore_index" not in options or t is target:
                losses = F.cross_entropy(z, t, reduction="none", **options)
                assert losses.shape == (2, 4, 5)
                expected = F.cross_entropy(rows, flat, reduction="none", **options).data
                np.testing.assert_allclose(losses.data.reshape(-1), expected, rtol=1e-13, atol=1e-14)
                assert F.cross_entropy(z, t, **options).item() == pytest.approx(F.cross_entropy(rows, flat, **options).item())
    check_gradients(lambda z: F.cross_entropy(z, target[:, :2, :2], weight=weight), (2, 3, 2, 2))
    check_gradients(lambda z: F.cross_entropy(z, target[:, :2, :2], reduction="none"), (2, 3, 2, 2))


def test_a_single_example_has_logits_of_one_axis():
    z = np.log([1.0, 2.0, 5.0])
    assert F.cross_entropy(z, 1).item() == pytest.approx(math.log(4))
    assert F.cross_entropy(z, [0.5, 0.5, 0]).item() == pytest.approx((math.log(8) + math.log(4)) / 2)
    check_gradients(lambda z: F.cross_entropy(z, 1), (3,))


def test_a_mean_in_float32_stays_float32():
    z = np.ones((2, 3), np.float32)
    assert F.cross_entropy(z, [0, 1]).dtype == F.cross_entropy(z, np.eye(3)[:2]).dtype == np.float32
    assert F.cross_entropy(z, [0, 1], weight=np.ones(3)).dtype == np.float32


def test_nll_loss_takes_the_numbers_as_they_are():
    assert F.nll_loss(np.array([[-1.0, -2.0], [-3.0, -5.0]]), np.array([1, 0]), reduction="none").data.tolist() == [2, 3]
