import math

import numpy as np
import pytest
from losses import REDUCTIONS, check_reductions, distributions
from support import check_dtypes_and_layouts, check_gradients

from nnlite import Tensor
from nnlite import functional as F


@pytest.mark.parametrize("log_target", [False, True])
def test_kl_div_is_the_sum_of_p_times_the_difference_of_logarithms(log_target):
    q, p = distributions(4, 3), distributions(4, 3, 1)
    losses = np.reshape([b * math.log(b / a) for a, b in np.broadcast(q, p)], q.shape)

    def kl_div(reduction):
        return F.kl_div(np.log(q), np.log(p) if log_target else p, reduction=reduction, log_target=log_target)

    check_reductions(kl_div, losses, 12)
    np.testing.assert_allclose(kl_div("batchmean").data, losses.sum() / 4, rtol=1e-13)


def test_the_divergence_is_0_from_itself_and_a_probability_of_0_costs_nothing():
    p = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    q = np.array([[0.25, 0.25, 0.5], [0.25, 0.25, 0.5]])
    assert F.kl_div(np.log(distributions(4, 3)), distributions(4, 3), reduction="sum").item() == pytest.approx(0, abs=1e-15)
    np.testing.assert_allclose(F.kl_div(np.log(q), p, reduction="none").data.sum(axis=1), math.log(2), rtol=1e-15)
    assert F.kl_div(np.log(q), p, reduction="batchmean").item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
def test_gradients_of_kl_div(reduction):
    p = distributions(4, 3, 1)
    check_gradients(lambda log_q: F.kl_div(log_q, p, reduction=reduction), (4, 3))
    check_gradients(lambda log_q: F.kl_div(log_q, np.log(p), reduction=reduction, log_target=True), (4, 3))
    check_gradients(lambda log_q: F.kl_div(log_q, distributions(20, 30), reduction=reduction), (20, 30))
    check_dtypes_and_layouts(lambda log_q: F.kl_div(log_q, p, reduction=reduction), (4, 3))


Z = np.zeros((2, 3))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: F.kl_div(np.ones((2, 3)), np.ones((1, 3))), r"^kl_div: input \(2, 3\) and target \(1, 3\) differ in shape$"),
    (lambda: F.kl_div(Z, np.log([[0.5, 0.25, 0.25]] * 2)),
     r"^kl_div: the target holds -1\.38629; probabilities are ≥ 0 \(log-probabilities need log_target=True\)$"),
    (lambda: F.kl_div(Z, Z, reduction="avg"), r"^reduction has to be mean, sum, batchmean or none, got 'avg'$"),
    (lambda: F.kl_div(Z[:0], Z[:0], reduction="batchmean"), r"^kl_div: a batch of shape \(0, 3\) has no mean$"),
    (lambda: F.kl_div(Z[:0], Z[:0], reduction="batchmean"), r"^kl_div: a batch of shape \(0, 3\) has no mean$"),
])
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_class_that_is_impossible_on_both_sides_adds_nothing():
    p = np.array([[0.5, 0.5, 0.0]])
    with np.errstate(divide="ignore"):
        log_q = Tensor(np.log([[0.25, 0.75, 0.0]]), requires_grad=True)
        log_p = np.log(p)
    loss = F.kl_div(log_q, p, reduction="batchmean")
    loss.backward()
    assert loss.item() == pytest.approx((math.log(2) + math.log(2 / 3)) / 2, rel=1e-14)
    assert log_q.grad.tolist() == [[-0.5, -0.5, 0]]
    assert F.kl_div(log_q, log_p, reduction="batchmean", log_target=True).item() == pytest.approx(loss.item(), rel=1e-14)
