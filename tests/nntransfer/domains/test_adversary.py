import numpy as np
import pytest

from nnlite import Tensor, optim
from nntransfer.domains import Adversary

rng = np.random.default_rng(6)
S, T = rng.standard_normal((5, 3)).astype(np.float32), rng.standard_normal((4, 3)).astype(np.float32) + 2


def by_hand(net, s, t):
    """−1/N Σ ln p(right domain), source 1, target 0."""
    w1, b1, w2, b2 = (parameter.data.astype(float) for parameter in net.parameters())
    z = (np.maximum(np.concatenate([s, t]) @ w1.T + b1, 0) @ w2.T + b2)[:, 0]
    p = 1 / (1 + np.exp(-z))
    return -np.mean(np.concatenate([np.log(p[: len(s)]), np.log(1 - p[len(s) :])]))


def test_the_loss_is_the_cross_entropy_of_the_domains():
    net = Adversary(3, 6, rng=0)
    assert net(S, T).item() == pytest.approx(by_hand(net, S, T), rel=1e-6)


def test_features_get_the_gradient_reversed_and_scaled_the_adversary_its_own():
    net, h = Adversary(3, rng=0), Tensor(S, requires_grad=True)
    net(h, T, strength=0.5).backward()
    v = rng.standard_normal(S.shape)
    slope = (by_hand(net, S + 1e-4 * v, T) - by_hand(net, S - 1e-4 * v, T)) / 2e-4
    assert np.sum(h.grad * v) == pytest.approx(-0.5 * slope, rel=1e-4)
    own = [parameter.grad.copy() for parameter in net.parameters()]
    other = Adversary(3, rng=0)
    other(Tensor(S, requires_grad=True), T, strength=3.0).backward()
    for a, parameter in zip(own, other.parameters(), strict=True):
        np.testing.assert_array_equal(a, parameter.grad)


def test_a_step_makes_the_adversary_better_and_the_features_harder():
    net, h = Adversary(3, rng=0), Tensor(S, requires_grad=True)
    first = net(h, T)
    first.backward()
    harder = net(h.data - 0.1 * h.grad, T).item()
    optim.SGD(net.parameters(), lr=0.1).step()
    assert harder > first.item() > net(S, T).item()


def test_same_seed_same_bits_and_other_features_are_refused():
    np.testing.assert_array_equal(Adversary(3, rng=1)(S, T).data, Adversary(3, rng=1)(S, T).data)
    with pytest.raises(ValueError, match="^Adversary: the one domain has 3 features, the other 2$"):
        Adversary(3, rng=0)(S, T[:, :2])
