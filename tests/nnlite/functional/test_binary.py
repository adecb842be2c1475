import math

import numpy as np
import pytest
from losses import REDUCTIONS, check_reductions
from support import check_dtypes_and_layouts, check_gradients, sample

from nnlite import Tensor
from nnlite import functional as F


def binary_cross_entropy(p, y):
    return -(y * math.log(p) + (1 - y) * math.log(1 - p))


BINARY = {
    "binary_cross_entropy": (F.binary_cross_entropy, binary_cross_entropy),
    "binary_cross_entropy_with_logits": (F.binary_cross_entropy_with_logits,
                                         lambda z, y: binary_cross_entropy(1 / (1 + math.exp(-z)), y)),
}


def probabilities(shape, k=0):
    """Random numbers between 0.05 and 0.95."""
    return np.random.default_rng(k).uniform(0.05, 0.95, shape)


@pytest.mark.parametrize("labels", [np.array([0, 1]), np.array([0.0, 1.0]), np.array([0.3, 0.85])])
@pytest.mark.parametrize("name", BINARY)
def test_binary_cross_entropy_is_the_articles_formula_for_hard_and_soft_labels(name, labels):
    function, formula = BINARY[name]
    x = probabilities((5, 2)) if name == "binary_cross_entropy" else sample((5, 2))
    y = np.broadcast_to(labels, (5, 2))
    losses = np.reshape([formula(float(a), float(b)) for a, b in np.broadcast(x, y)], x.shape)
    check_reductions(lambda reduction: function(x, y, reduction=reduction), losses, 10)


def test_binary_cross_entropy_worked_by_hand():
    loss = F.binary_cross_entropy(np.array([0.8, 0.25]), np.array([1, 0]))
    assert loss.item() == pytest.approx((math.log(5 / 4) + math.log(4 / 3)) / 2, rel=1e-15)
    assert F.binary_cross_entropy_with_logits(np.array([0.0, math.log(3)]), np.array([1, 0])).item() == pytest.approx(
        (math.log(2) + math.log(4)) / 2, rel=1e-15)  # σ(0) = 1/2, 1 − σ(ln 3) = 1/4


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", BINARY)
def test_gradients_of_binary_cross_entropy(name, reduction):
    inputs = probabilities if name == "binary_cross_entropy" else sample
    for shape in [(), (2, 3), (20, 30)]:
        labels = probabilities(shape, 9)
        check_gradients(lambda x: BINARY[name][0](x, labels, reduction=reduction), np.asarray(inputs(shape)))  # noqa: B023
    check_dtypes_and_layouts(lambda x: BINARY[name][0](x, probabilities((4, 5), 9), reduction=reduction), inputs((4, 5)))


def test_a_logarithm_is_never_taken_below_minus_100_and_the_gradient_stays_finite():
    p = Tensor(np.array([0.0, 1.0, 0.0, 1.0]), requires_grad=True)
    loss = F.binary_cross_entropy(p, np.array([1.0, 0.0, 0.0, 1.0]), reduction="none")
    loss.backward(np.ones(4))
    assert loss.data.tolist() == [100, 100, 0, 0]
    np.testing.assert_allclose(p.grad, [-1e12, 1e12, 0, 0], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_ten_thousand_overflow_nowhere(dtype):
    z = Tensor(np.array([1e4, -1e4, 1e4, -1e4], dtype), requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(z, np.array([1, 0, 0, 1]), reduction="none")
    loss.backward(np.ones(4))
    assert loss.data.tolist() == [0, 0, 1e4, 1e4]
    assert z.grad.tolist() == [0, 0, 1, -1]


@pytest.mark.parametrize(("call", "message"), [
    (lambda: F.binary_cross_entropy(np.array([0.5, 1.25]), np.ones(2)),
     r"^binary_cross_entropy: probabilities from 0\.5 to 1\.25, expected 0 to 1; "
     "for logits there is binary_cross_entropy_with_logits$"),
    (lambda: F.binary_cross_entropy(np.array([-0.5, 1.0]), np.ones(2)),
     r"^binary_cross_entropy: probabilities from -0\.5 to 1,"),
    (lambda: F.binary_cross_entropy(np.array([math.nan, 1.0]), np.ones(2)),
     r"^binary_cross_entropy: probabilities from nan to nan,"),
    (lambda: F.binary_cross_entropy(np.ones(2), np.ones((2, 1))),
     r"^binary_cross_entropy: input \(2,\) and target \(2, 1\) differ in shape$"),
    (lambda: F.binary_cross_entropy(np.ones(2), np.array([0, 2])),
     r"^binary_cross_entropy: labels from 0 to 2, expected 0 to 1$"),
    (lambda: F.binary_cross_entropy_with_logits(np.ones(2), np.array([-1, 1])),
     r"^binary_cross_entropy_with_logits: labels from -1 to 1, expected 0 to 1$"),
])
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_infinite_logit_on_the_right_side_costs_nothing_and_on_the_wrong_side_infinitely_much():
    z = Tensor(np.array([np.inf, -np.inf, -np.inf, np.inf]), requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(z, np.array([1, 0, 1, 0]), reduction="none")
    loss.backward(np.ones(4))
    assert loss.data.tolist() == [0, 0, np.inf, np.inf]
    assert z.grad.tolist() == [0, 0, -1, 1]


def test_pos_weight_multiplies_the_loss_of_the_label_1():
    z, y = np.array([[0.0, math.log(3)], [math.log(3), 0.0]]), np.array([[1, 0], [0.5, 1]])
    loss = F.binary_cross_entropy_with_logits(z, y, pos_weight=[3.0, 5.0], reduction="none")  # of each column
    expected = [[3 * math.log(2), math.log(4)], [1.5 * math.log(4 / 3) + 0.5 * math.log(4), 5 * math.log(2)]]
    np.testing.assert_allclose(loss.data, expected, rtol=1e-14)
    check_gradients(lambda z: F.binary_cross_entropy_with_logits(z, y, pos_weight=[3.0, 5.0]), (2, 2))
    assert F.binary_cross_entropy_with_logits(np.float32([1, 2]), [1, 0], pos_weight=np.float64(2)).dtype == np.float32


@pytest.mark.parametrize("weight, message", [
    (-1.0, r"^binary_cross_entropy_with_logits: pos_weight holds -1, expects numbers ≥ 0$"),
    (np.ones(3), r"^binary_cross_entropy_with_logits: pos_weight \(3,\) does not broadcast to the logits' shape \(2, 2\)$"),
])
def test_a_pos_weight_that_does_not_fit_is_named(weight, message):
    with pytest.raises(ValueError, match=message):
        F.binary_cross_entropy_with_logits(np.ones((2, 2)), np.ones((2, 2)), pos_weight=weight)
