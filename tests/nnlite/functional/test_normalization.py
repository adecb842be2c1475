import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import check_dtypes_and_layouts, check_gradients, positive, sample

from nnlite import Tensor
from nnlite import functional as F

SHAPES = [(4, 3), (2, 3, 2, 3)]  # N, C and N, C, H, W


def scaled_and_shifted(numbers, gamma, beta, eps):
    """γ (x − μ)/√(σ² + ε) + β, with μ and σ² those of the numbers themselves."""
    mu, sigma2 = statistics.fmean(numbers), statistics.pvariance(numbers)
    return [gamma * (t - mu) / math.sqrt(sigma2 + eps) + beta for t in numbers]


def rounding(x, gamma, eps):
    """x − μ is off by a few roundings of numbers like x, and is divided by √ε at least."""
    return 10 * np.finfo(float).eps * np.abs(x).max() * max(1, np.abs(gamma).max()) / math.sqrt(eps)


def statistics_of(channels):
    return np.zeros(channels), np.ones(channels)


@settings(deadline=None, max_examples=25)
@given(st.tuples(st.integers(2, 5), st.integers(1, 4)) | st.tuples(*[st.integers(1, 3)] * 3, st.just(2)),
       st.sampled_from([1e-5, 0.1]), st.integers(0, 2**32 - 1))
def test_while_training_each_channel_is_normalized_by_its_own_numbers(shape, eps, seed):
    rng = np.random.default_rng(seed)
    x, gamma, beta = rng.normal(1, 2, shape), rng.standard_normal(shape[1]), rng.standard_normal(shape[1])
    y = F.batch_norm(x, *statistics_of(shape[1]), gamma, beta, training=True, eps=eps).data
    for c in range(shape[1]):
        expected = scaled_and_shifted(x[:, c].reshape(-1).tolist(), gamma[c], beta[c], eps)
        np.testing.assert_allclose(y[:, c].reshape(-1), expected, rtol=0, atol=rounding(x, gamma, eps))


def test_the_running_statistics_move_by_the_momentum_towards_the_unbiased_ones():
    mean, var = Tensor(np.array([10.0, 0.0])), np.array([4.0, 1.0])
    batch = np.array([[1.0, 2.0], [3.0, 2.0], [8.0, 2.0]])  # means 4 and 2, variances 13 = (9 + 1 + 16)/2 and 0
    F.batch_norm(batch, mean, var, training=True, momentum=0.25)
    assert mean.data.tolist() == [0.75 * 10 + 0.25 * 4, 0.25 * 2]
    np.testing.assert_allclose(var, [0.75 * 4 + 0.25 * 13, 0.75], rtol=1e-15)
    F.batch_norm(batch.reshape(3, 2, 1, 1), mean, var, training=True)
    np.testing.assert_allclose(mean.data, [0.9 * 8.5 + 0.4, 0.9 * 0.5 + 0.2], rtol=1e-15)
    np.testing.assert_allclose(var, [0.9 * 6.25 + 1.3, 0.9 * 0.75], rtol=1e-15)


def test_at_inference_the_running_statistics_are_used_and_stay():
    mean, var = np.array([1.0, -2.0]), np.array([4.0, 0.25])
    x = np.array([[3.0, -2.0], [1.0, 3.0]])
    y = F.batch_norm(x, mean, var, np.array([1.0, 2.0]), np.array([0.0, 5.0]), eps=0.0)
    assert y.data.tolist() == [[1, 5], [0, 25]]
    assert F.batch_norm(x, mean, var, eps=12.0).data[0, 0] == 2 / 4
    assert mean.tolist() == [1, -2] and var.tolist() == [4, 0.25]
    assert F.batch_norm(x[:0], mean, var).shape == (0, 2)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [*SHAPES, (2, 3, 1, 1), (16, 8, 5, 5)])
def test_gradients_of_batch_norm(shape, training):
    channels = shape[1]
    mean, var = sample((channels,), 5), positive((channels,), 6)

    def batch_norm(x, gamma=None, beta=None, eps=1e-5):
        return F.batch_norm(x, mean.copy(), var.copy(), gamma, beta, training, eps=eps)

    check_gradients(batch_norm, shape)
    check_gradients(batch_norm, shape, (channels,))
    check_gradients(lambda x, beta: batch_norm(x, None, beta), shape, (channels,))
    check_gradients(lambda x, gamma, beta: batch_norm(x, gamma, beta, eps=0.3), shape, (channels,), (channels,))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_in_all_dtypes_and_layouts(shape, training):
    def batch_norm(x, gamma, beta):
        mean, var = statistics_of(3)
        return F.batch_norm(x, mean.astype(x.dtype), var.astype(x.dtype), gamma, beta, training)

    check_dtypes_and_layouts(batch_norm, shape, (3,), (3,))


def test_the_gradient_of_training_does_not_reach_the_running_statistics():
    x, mean, var = (Tensor(a, requires_grad=True) for a in (sample((4, 3)), *statistics_of(3)))
    F.batch_norm(x, mean, var, training=True).backward(sample((4, 3), 1))
    assert mean.grad is None and var.grad is None


def test_the_gradient_at_inference_uses_the_statistics_of_its_own_forward_pass():
    x, gradients = np.random.default_rng(0).standard_normal((5, 3)), []
    for moved in (0, 1):
        mean, gamma = np.zeros(3), Tensor(np.ones(3), requires_grad=True)
        y = F.batch_norm(x, mean, np.ones(3), gamma, np.zeros(3))
        mean += moved
        y.sum().backward()
        gradients.append(gamma.grad)
    np.testing.assert_array_equal(*gradients)


def test_a_channel_without_variance_becomes_beta():
    x = Tensor(np.full((4, 2), 7.0), requires_grad=True)
    y = F.batch_norm(x, *statistics_of(2), np.array([3.0, 4.0]), np.array([0.5, -1.0]), training=True)
    y.backward(sample((4, 2)))
    assert y.data.tolist() == [[0.5, -1]] * 4 and np.isfinite(x.grad).all()


@pytest.mark.parametrize("axes", [1, 2])
@settings(deadline=None, max_examples=25)
@given(st.tuples(st.integers(1, 3), st.integers(2, 4), st.integers(2, 5)), st.sampled_from([1e-5, 0.1]),
       st.integers(0, 2**32 - 1))
def test_layer_norm_normalizes_each_example_by_its_own_numbers(axes, shape, eps, seed):
    rng = np.random.default_rng(seed)
    features = shape[-axes:]
    x, gamma, beta = rng.normal(1, 2, shape), rng.standard_normal(features), rng.standard_normal(features)
    y = F.layer_norm(x, features, gamma, beta, eps).data
    for n in np.ndindex(shape[:-axes]):
        x_hat = np.reshape(scaled_and_shifted(x[n].reshape(-1).tolist(), 1, 0, eps), features)
        np.testing.assert_allclose(y[n], gamma * x_hat + beta, rtol=0, atol=rounding(x, gamma, eps))


@pytest.mark.parametrize(("shape", "features"), [
    ((5,), (5,)), ((3, 4), (4,)), ((2, 3, 4), (3, 4)), ((2, 3, 4), (4,)), ((9, 4, 6), (4, 6)),
])
def test_gradients_of_layer_norm(shape, features):
    check_gradients(lambda x: F.layer_norm(x, features), shape)
    check_gradients(lambda x, gamma: F.layer_norm(x, features, gamma), shape, features)
    check_gradients(lambda x, beta: F.layer_norm(x, features, None, beta), shape, features)
    check_gradients(lambda x, gamma, beta: F.layer_norm(x, features, gamma, beta, 0.3), shape, features, features)


def test_layer_norm_in_all_dtypes_and_layouts_and_with_a_single_number_for_one_axis():
    check_dtypes_and_layouts(lambda x, gamma, beta: F.layer_norm(x, (3, 4), gamma, beta), (5, 3, 4), (3, 4), (3, 4))
    x = sample((2, 4))
    assert F.layer_norm(x, 4).data.tolist() == F.layer_norm(x, (4,)).data.tolist()
    assert F.layer_norm(x[:0], 4).shape == (0, 4)


def test_an_example_without_variance_becomes_beta():
    x = Tensor(np.full((2, 3), 7.0), requires_grad=True)
    y = F.layer_norm(x, 3, np.ones(3), np.array([1.0, 2.0, 3.0]))
    y.backward(sample((2, 3)))
    assert y.data.tolist() == [[1, 2, 3]] * 2 and np.isfinite(x.grad).all()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: F.batch_norm(np.ones((2, 3, 4)), *statistics_of(3)),
     r"^batch_norm: expects x \(N, C\) or \(N, C, H, W\), got \(2, 3, 4\)$"),
    (lambda: F.batch_norm(np.ones((2, 3)), *statistics_of(4)),
     r"^batch_norm: x has 3 channels, got an array of shape \(4,\) for them$"),
    (lambda: F.batch_norm(np.ones((2, 3)), *statistics_of(3), np.ones(1)),
     r"^batch_norm: x has 3 channels, got an array of shape \(1,\)"),
    (lambda: F.batch_norm(np.ones((2, 3)), *statistics_of(3), None, np.ones((3, 1))),
     r"^batch_norm: .* got an array of shape \(3, 1\)"),
    (lambda: F.batch_norm(np.ones((1, 3)), *statistics_of(3), training=True),
     r"^batch_norm: training needs more than one value per channel, got x \(1, 3\)$"),
    (lambda: F.batch_norm(np.ones((0, 3, 2, 2)), *statistics_of(3), training=True),
     r"^batch_norm: training needs .* x \(0, 3, 2, 2\)$"),
    (lambda: F.layer_norm(np.ones((2, 3)), 4), r"^layer_norm: x \(2, 3\) does not end with \(4,\)$"),
    (lambda: F.layer_norm(np.ones(3), (2, 3)), r"^layer_norm: x \(3,\) does not end with \(2, 3\)$"),
    (lambda: F.layer_norm(np.ones((2, 3)), 3, np.ones(1)),
     r"^layer_norm: x has features \(3,\), got an array of shape \(1,\) for them$"),
    (lambda: F.layer_norm(np.ones((2, 3)), 3, None, np.ones((2, 3))),
     r"^layer_norm: x has features .* shape \(2, 3\) for them$"),
])
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("name", "call"), [
    ("batch_norm", lambda x: F.batch_norm(x, *statistics_of(3))), ("layer_norm", lambda x: F.layer_norm(x, 3)),
])
def test_whole_numbers_are_refused(name, call):
    with pytest.raises(TypeError, match=rf"^{name}: expects arrays of one dtype, float32 or float64, got int64$"):
        call(np.ones((2, 3), int))


def test_batch_norm_without_running_statistics_normalizes_by_the_batch():
    x = sample((4, 3, 2, 5))
    mean, var = np.zeros(3), np.ones(3)
    y = F.batch_norm(x, None, None, training=True).data
    np.testing.assert_array_equal(y, F.batch_norm(x, mean, var, training=True).data)
    check_gradients(lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True), (4, 3), (3,), (3,))


@pytest.mark.parametrize(("mean", "var", "training", "message"), [
    (None, None, False, r"^batch_norm: inference \(training=False\) needs running_mean and running_var$"),
    (np.zeros(3), None, True, r"^batch_norm: running_mean and running_var have to be given both or not at all$"),
    (None, np.ones(3), False, r"^batch_norm: running_mean and running_var have to be given both or not at all$"),
])
def test_running_statistics_that_are_missing_are_named(mean, var, training, message):
    with pytest.raises(ValueError, match=message):
        F.batch_norm(np.ones((4, 3)), mean, var, training=training)
