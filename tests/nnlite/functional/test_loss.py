import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import check_dtypes_and_layouts, check_gradients, positive, sample

from nnlite import Tensor
from nnlite import functional as F

REDUCTIONS = ["mean", "sum", "none"]
DISTANCES = {
    "mse_loss": (F.mse_loss, lambda x, y: (x - y) ** 2),
    "l1_loss": (F.l1_loss, lambda x, y: abs(x - y)),
    "huber_loss": (F.huber_loss, lambda x, y: (x - y) ** 2 / 2 if abs(x - y) <= 1 else abs(x - y) - 1 / 2),
    "huber_loss 0.4": (lambda x, y, reduction="mean": F.huber_loss(x, y, reduction, delta=0.4),
                       lambda x, y: (x - y) ** 2 / 2 if abs(x - y) <= 0.4 else 0.4 * (abs(x - y) - 0.2)),
}


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


def distributions(rows, classes, k=0):
    """Random probabilities, each row summing to 1."""
    p = positive((rows, classes), k)
    return p / p.sum(axis=1, keepdims=True)


def check_reductions(function, losses, divisor, batch=None):
    """function(reduction) gives the losses themselves, their sum, and the sum over the divisor."""
    total = math.fsum(losses.reshape(-1))
    results = {reduction: function(reduction).data for reduction in REDUCTIONS}
    # A handful of roundings for each of fewer than a hundred losses.
    np.testing.assert_allclose(results["none"], losses, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(results["sum"], total, rtol=1e-13)
    np.testing.assert_allclose(results["mean"], total / divisor, rtol=1e-13)
    assert results["sum"].shape == results["mean"].shape == ()


# ---- distances ----


@pytest.mark.parametrize("name", DISTANCES)
def test_a_distance_of_each_pair_is_given_by_the_formula(name):
    function, formula = DISTANCES[name]
    x, y = sample((4, 5)), sample((4, 5), 1)
    losses = np.reshape([formula(a, b) for a, b in np.broadcast(x, y)], x.shape)
    check_reductions(lambda reduction: function(x, y, reduction), losses, 20)
    assert function(x, y).data == function(x, y, "mean").data


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", DISTANCES)
def test_gradients_of_distances(name, reduction):
    for shape in [(), (2, 3), (20, 30)]:
        check_gradients(lambda x, y: DISTANCES[name][0](x, y, reduction), shape, shape)
    check_dtypes_and_layouts(lambda x, y: DISTANCES[name][0](x, y, reduction), (4, 3, 5), (4, 3, 5))


def test_a_target_may_be_an_array_or_a_tensor():
    x, y = Tensor(sample((2, 3)), requires_grad=True), sample((2, 3), 1)
    assert F.mse_loss(x, y).item() == F.mse_loss(x, Tensor(y)).item()


@pytest.mark.parametrize(("name", "difference", "expected"), [("l1_loss", 0, 0), ("huber_loss", 1, 1), ("huber_loss", -1, -1)])
def test_the_gradient_at_a_kink_is_pytorchs(name, difference, expected):
    x = Tensor(np.array([float(difference)]), requires_grad=True)
    DISTANCES[name][0](x, np.zeros(1)).backward()
    assert x.grad.tolist() == [expected]


# ---- binary cross-entropy ----


@pytest.mark.parametrize("labels", [np.array([0, 1]), np.array([0.0, 1.0]), np.array([0.3, 0.85])])
@pytest.mark.parametrize("name", BINARY)
def test_binary_cross_entropy_is_the_articles_formula_for_hard_and_soft_labels(name, labels):
    function, formula = BINARY[name]
    x = probabilities((5, 2)) if name == "binary_cross_entropy" else sample((5, 2))
    y = np.broadcast_to(labels, (5, 2))
    losses = np.reshape([formula(float(a), float(b)) for a, b in np.broadcast(x, y)], x.shape)
    check_reductions(lambda reduction: function(x, y, reduction), losses, 10)


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
        check_gradients(lambda x: BINARY[name][0](x, labels, reduction), np.asarray(inputs(shape)))  # noqa: B023
    check_dtypes_and_layouts(lambda x: BINARY[name][0](x, probabilities((4, 5), 9), reduction), inputs((4, 5)))


def test_a_logarithm_is_never_taken_below_minus_100_and_the_gradient_stays_finite():
    p = Tensor(np.array([0.0, 1.0, 0.0, 1.0]), requires_grad=True)
    loss = F.binary_cross_entropy(p, np.array([1.0, 0.0, 0.0, 1.0]), "none")
    loss.backward(np.ones(4))
    assert loss.data.tolist() == [100, 100, 0, 0]
    np.testing.assert_allclose(p.grad, [-1e12, 1e12, 0, 0], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_ten_thousand_overflow_nowhere(dtype):
    z = Tensor(np.array([1e4, -1e4, 1e4, -1e4], dtype), requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(z, np.array([1, 0, 0, 1]), "none")
    loss.backward(np.ones(4))
    assert loss.data.tolist() == [0, 0, 1e4, 1e4]
    assert z.grad.tolist() == [0, 0, 1, -1]


# ---- Kullback-Leibler divergence ----


@pytest.mark.parametrize("log_target", [False, True])
def test_kl_div_is_the_sum_of_p_times_the_difference_of_logarithms(log_target):
    q, p = distributions(4, 3), distributions(4, 3, 1)
    losses = np.reshape([b * math.log(b / a) for a, b in np.broadcast(q, p)], q.shape)

    def kl_div(reduction):
        return F.kl_div(np.log(q), np.log(p) if log_target else p, reduction, log_target)

    check_reductions(kl_div, losses, 12)
    np.testing.assert_allclose(kl_div("batchmean").data, losses.sum() / 4, rtol=1e-13)


def test_the_divergence_is_0_from_itself_and_a_probability_of_0_costs_nothing():
    p = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    q = np.array([[0.25, 0.25, 0.5], [0.25, 0.25, 0.5]])
    assert F.kl_div(np.log(distributions(4, 3)), distributions(4, 3), "sum").item() == pytest.approx(0, abs=1e-15)
    np.testing.assert_allclose(F.kl_div(np.log(q), p, "none").data.sum(axis=1), math.log(2), rtol=1e-15)
    assert F.kl_div(np.log(q), p, "batchmean").item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
def test_gradients_of_kl_div(reduction):
    p = distributions(4, 3, 1)
    check_gradients(lambda log_q: F.kl_div(log_q, p, reduction), (4, 3))
    check_gradients(lambda log_q: F.kl_div(log_q, np.log(p), reduction, log_target=True), (4, 3))
    check_gradients(lambda log_q: F.kl_div(log_q, distributions(20, 30), reduction), (20, 30))
    check_dtypes_and_layouts(lambda log_q: F.kl_div(log_q, p, reduction), (4, 3))


# ---- classification ----


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
            loss = F.cross_entropy(z, target, weight if weighted else None, reduction, smoothing)
            np.testing.assert_allclose(loss.data, expected, rtol=1e-13, atol=1e-13)
            if smoothing == 0:
                loss = F.nll_loss(log_softmax(z), target, weight if weighted else None, reduction)
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
        return F.cross_entropy(z, target, weight, reduction, smoothing)

    def nll_loss(z):
        return F.nll_loss(z, target, weight, reduction)

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


@pytest.mark.parametrize("loss", [
    lambda x, number: F.huber_loss(x, x, delta=number), lambda x, number: F.cross_entropy(x, [0, 1], label_smoothing=number),
    lambda x, number: F.cross_entropy(x, [0, 1], weight=[number] * 3), lambda x, number: F.kl_div(x, x.astype(np.float64)),
])
def test_options_in_float64_leave_float32_as_it_is(loss):
    assert loss(np.ones((2, 3), np.float32), np.float64(0.2)).dtype == np.float32


# ---- errors ----


Z = np.zeros((2, 3))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: F.mse_loss(np.ones((2, 3)), np.ones(3)), r"^mse_loss: input \(2, 3\) and target \(3,\) differ in shape$"),
    (lambda: F.l1_loss(np.ones((2, 1)), np.ones(2)), r"^l1_loss: input \(2, 1\) and target \(2,\) differ in shape$"),
    (lambda: F.huber_loss(np.ones(2), np.ones(3)), r"^huber_loss: input \(2,\) and target \(3,\) differ in shape$"),
    (lambda: F.huber_loss(np.ones(2), np.ones(2), delta=0), r"^huber_loss: delta has to be above 0, got 0$"),
    (lambda: F.huber_loss(np.ones(2), np.ones(2), delta=math.nan), r"^huber_loss: delta has to be above 0, got nan$"),
    (lambda: F.mse_loss(np.ones(2), np.ones(2), "avg"), r"^reduction has to be mean, sum or none, got 'avg'$"),
    (lambda: F.mse_loss(np.ones(2), np.ones(2), "batchmean"), r"^reduction has to be mean, sum or none, got 'batchmean'$"),
    (lambda: F.mse_loss(np.ones(0), np.ones(0)), r"^mean: an array of shape \(0,\) holds no numbers$"),
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
    (lambda: F.kl_div(np.ones((2, 3)), np.ones((1, 3))), r"^kl_div: input \(2, 3\) and target \(1, 3\) differ in shape$"),
    (lambda: F.kl_div(Z, np.log([[0.5, 0.25, 0.25]] * 2)),
     r"^kl_div: the target holds -1\.38629; probabilities are ≥ 0 \(log-probabilities need log_target=True\)$"),
    (lambda: F.kl_div(Z, Z, "avg"), r"^reduction has to be mean, sum, batchmean or none, got 'avg'$"),
    (lambda: F.kl_div(Z[:0], Z[:0], "batchmean"), r"^kl_div: a batch of shape \(0, 3\) has no mean$"),
    (lambda: F.cross_entropy(np.zeros(3), np.array([0])), r"^cross_entropy: expects logits \(N, C\) with N ≥ 1, got \(3,\)$"),
    (lambda: F.cross_entropy(np.zeros((0, 3)), np.empty(0, int)), r"^cross_entropy: expects logits .* got \(0, 3\)$"),
    (lambda: F.nll_loss(np.zeros(3), np.array([0])), r"^nll_loss: expects logits \(N, C\) with N ≥ 1, got \(3,\)$"),
    (lambda: F.cross_entropy(Z, np.array([0, 3])), r"^cross_entropy: target 3 at position 1 is no class from 0 to 2$"),
    (lambda: F.cross_entropy(Z, np.array([-1, 3])), r"^cross_entropy: target -1 at position 0 is no class from 0 to 2$"),
    (lambda: F.nll_loss(Z, np.array([0, 1, 2])), r"^nll_loss: 2 rows of logits need 2 class indices, got shape \(3,\)$"),
    (lambda: F.cross_entropy(Z, np.array([[0], [1]])),
     r"^cross_entropy: 2 rows of logits need 2 class indices, got shape \(2, 1\)$"),
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
    (lambda: F.kl_div(Z[:0], Z[:0], reduction="batchmean"), r"^kl_div: a batch of shape \(0, 3\) has no mean$"),
])
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
