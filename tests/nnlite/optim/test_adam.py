from dataclasses import dataclass
from math import sqrt

import numpy as np
import pytest

from nnlite.optim import Adam, AdamW


@dataclass(eq=False)
class Parameter:
    data: np.ndarray
    grad: np.ndarray | None = None


def adam_in_floats(w, gradients, lr, betas, eps, coupled=0.0, decoupled=0.0):
    """The published rule for one weight, in Python floats, with either kind of weight decay."""
    beta1, beta2 = betas
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        g = g + coupled * w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        w = w - lr * decoupled * w - lr * m_hat / (sqrt(v_hat) + eps)
    return w


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
@pytest.mark.parametrize(("optimizer_class", "kind"), [(Adam, "coupled"), (AdamW, "decoupled")])
def test_five_steps_equal_the_rule_in_python_floats(optimizer_class, kind, weight_decay):
    rng = np.random.default_rng(0)
    w, gradients = rng.standard_normal(6), rng.standard_normal((5, 6))
    options = {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3}
    p = Parameter(w.copy())
    optimizer = optimizer_class([p], weight_decay=weight_decay, **options)
    for g in gradients:
        p.grad = g
        optimizer.step()
    expected = [adam_in_floats(w[i], gradients[:, i], **options, **{kind: weight_decay}) for i in range(6)]
    np.testing.assert_allclose(p.data, expected, rtol=1e-14, atol=1e-15)


def test_the_first_step_has_the_length_lr_for_large_and_small_gradients():
    p = Parameter(np.zeros(3), np.array([1e-3, 1.0, -1e3]))
    Adam([p], lr=0.01, eps=0.0).step()
    np.testing.assert_allclose(p.data, [-0.01, -0.01, 0.01], rtol=1e-14)


def test_adam_divides_the_decay_by_the_gradients_size_and_adamw_does_not():
    w = np.array([1.0, 8.0])
    coupled, decoupled = Parameter(w.copy(), np.zeros(2)), Parameter(w.copy(), np.zeros(2))
    Adam([coupled], lr=0.5, eps=0.0, weight_decay=0.25).step()
    AdamW([decoupled], lr=0.5, eps=1.0, weight_decay=0.25).step()
    np.testing.assert_allclose(coupled.data, [0.5, 7.5], rtol=1e-14)  # both by lr: the decay is the whole gradient
    assert decoupled.data.tolist() == [0.875, 7.0]  # both by the factor 1 − lr·weight_decay


def test_a_convex_quadratic_is_brought_near_its_minimum():
    c = np.array([1.0, -2.0, 0.5])
    p = Parameter(np.zeros(3))
    optimizer = Adam([p], lr=0.05)
    for _ in range(1000):
        p.grad = np.array([1.0, 10.0, 100.0]) * (p.data - c)
        optimizer.step()
    np.testing.assert_allclose(p.data, c, atol=1e-6)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("optimizer_class", [Adam, AdamW])
def test_ten_steps_equal_pytorchs(optimizer_class, weight_decay):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    p = Parameter(rng.standard_normal((3, 4)))
    theirs = torch.nn.Parameter(torch.tensor(p.data))
    optimizer = optimizer_class([p], lr=0.05, weight_decay=weight_decay)
    their_optimizer = getattr(torch.optim, optimizer_class.__name__)([theirs], lr=0.05, weight_decay=weight_decay)
    for _ in range(10):
        p.grad = rng.standard_normal((3, 4))
        theirs.grad = torch.tensor(p.grad)
        optimizer.step()
        their_optimizer.step()
    np.testing.assert_allclose(p.data, theirs.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("optimizer_class", [Adam, AdamW])
def test_the_defaults_are_pytorchs(optimizer_class):
    torch = pytest.importorskip("torch")
    ours = optimizer_class([Parameter(np.ones(2))]).defaults
    theirs = getattr(torch.optim, optimizer_class.__name__)([torch.nn.Parameter(torch.ones(2))]).defaults
    assert ours == {key: theirs[key] for key in ours}
