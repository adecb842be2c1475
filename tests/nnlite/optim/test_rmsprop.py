from dataclasses import dataclass
from math import sqrt

import numpy as np
import pytest

from nnlite.optim import RMSprop


@dataclass(eq=False)
class Parameter:
    data: np.ndarray
    grad: np.ndarray | None = None


def rmsprop_in_floats(w, gradients, lr, alpha, eps, weight_decay, momentum):
    """The published rule for one weight, in Python floats."""
    v = b = 0.0
    for g in gradients:
        g = g + weight_decay * w
        v = alpha * v + (1 - alpha) * g**2
        b = momentum * b + g / (sqrt(v) + eps)
        w = w - lr * b
    return w


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_five_steps_equal_the_rule_in_python_floats(weight_decay, momentum):
    rng = np.random.default_rng(0)
    w, gradients = rng.standard_normal(6), rng.standard_normal((5, 6))
    options = {"lr": 0.02, "alpha": 0.8, "eps": 1e-3, "weight_decay": weight_decay, "momentum": momentum}
    p = Parameter(w.copy())
    optimizer = RMSprop([p], **options)
    for g in gradients:
        p.grad = g
        optimizer.step()
    expected = [rmsprop_in_floats(w[i], gradients[:, i], **options) for i in range(6)]
    np.testing.assert_allclose(p.data, expected, rtol=1e-14, atol=1e-15)


def test_the_first_step_has_the_same_length_for_large_and_small_gradients():
    p = Parameter(np.zeros(3), np.array([1e-3, 1.0, -1e3]))
    RMSprop([p], lr=0.01, alpha=0.75, eps=0.0).step()
    np.testing.assert_allclose(p.data, [-0.02, -0.02, 0.02], rtol=1e-15)  # lr / √(1 − alpha) = 0.02


def test_a_convex_quadratic_is_brought_near_its_minimum():
    c = np.array([1.0, -2.0, 0.5])
    p = Parameter(np.zeros(3))
    optimizer = RMSprop([p], lr=0.01)
    for step in range(3000):
        optimizer.param_groups[0]["lr"] = 0.01 * 0.997**step
        p.grad = np.array([1.0, 10.0, 100.0]) * (p.data - c)
        optimizer.step()
    np.testing.assert_allclose(p.data, c, atol=1e-4)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_ten_steps_equal_pytorchs(weight_decay, momentum):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    p = Parameter(rng.standard_normal((3, 4)))
    theirs = torch.nn.Parameter(torch.tensor(p.data))
    optimizer = RMSprop([p], weight_decay=weight_decay, momentum=momentum)
    their_optimizer = torch.optim.RMSprop([theirs], weight_decay=weight_decay, momentum=momentum)
    for _ in range(10):
        p.grad = rng.standard_normal((3, 4))
        theirs.grad = torch.tensor(p.grad)
        optimizer.step()
        their_optimizer.step()
    np.testing.assert_allclose(p.data, theirs.detach().numpy(), rtol=1e-12)
