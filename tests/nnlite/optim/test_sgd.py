from dataclasses import dataclass

import numpy as np
import pytest

from nnlite.optim import SGD


@dataclass(eq=False)
class Parameter:
    data: np.ndarray
    grad: np.ndarray | None = None


def train(p, gradient, optimizer, steps):
    """The values of p.data after each step."""
    values = []
    for _ in range(steps):
        p.grad = gradient(p.data)
        optimizer.step()
        values.append(p.data.copy())
    return values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_step_on_a_quadratic_is_w_minus_alpha_times_its_gradient_bit_for_bit(dtype):
    rng = np.random.default_rng(0)
    A, C, W = (rng.standard_normal((7, 5)).astype(dtype) for _ in range(3))
    gradient = A * (W - C)  # of J(W) = ½ Σ A (W − C)²
    alpha = 0.037
    expected = [
        [dtype(w - dtype(alpha) * g) for w, g in zip(*rows, strict=True)] for rows in zip(W, gradient, strict=True)
    ]

    p = Parameter(W.copy(), gradient)
    SGD([p], lr=alpha).step()

    assert p.data.dtype == dtype
    assert p.data.tobytes() == np.array(expected, dtype).tobytes()


def test_heavy_ball_goes_on_in_the_direction_of_earlier_gradients():
    p = Parameter(np.array([1.0]))
    # J = w²/2, g = w, b = g + b/2, w −= b/2:   b = 1, 1, 1/2
    values = train(p, np.copy, SGD([p], lr=0.5, momentum=0.5), steps=3)
    assert [w.item() for w in values] == [0.5, 0.0, -0.25]


def test_nesterov_looks_ahead_along_the_momentum():
    p = Parameter(np.array([1.0]))
    # b = 1, 3/4;   w −= (g + b/2)/2:   1 − 3/4 = 1/4,   1/4 − (1/4 + 3/8)/2 = −1/16
    values = train(p, np.copy, SGD([p], lr=0.5, momentum=0.5, nesterov=True), steps=2)
    assert [w.item() for w in values] == [0.25, -0.0625]


def test_dampening_shortens_each_gradient_but_the_first():
    p = Parameter(np.array([0.0]))
    # b = 1, then b = b/2 + (1 − 3/4)·1 = 3/4, 5/8;   w = −1, −7/4, −19/8
    values = train(p, np.ones_like, SGD([p], lr=1.0, momentum=0.5, dampening=0.75), steps=3)
    assert [w.item() for w in values] == [-1.0, -1.75, -2.375]


def test_weight_decay_adds_to_the_gradient_and_enters_the_momentum():
    p = Parameter(np.array([2.0]))
    # g = 1 + w/2 = 2, b = 2, w = 3/2;   g = 7/4, b = 1 + 7/4 = 11/4, w = 3/2 − 11/16 = 13/16
    values = train(p, np.ones_like, SGD([p], lr=0.25, momentum=0.5, weight_decay=0.5), steps=2)
    assert [w.item() for w in values] == [1.5, 0.8125]


def test_a_changed_lr_acts_at_once_on_the_whole_momentum():
    p = Parameter(np.array([0.0]))
    optimizer = SGD([p], lr=1.0, momentum=0.5)
    train(p, np.ones_like, optimizer, steps=1)
    optimizer.param_groups[0]["lr"] = 0.0
    assert train(p, np.ones_like, optimizer, steps=3)[-1] == -1.0


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}])
def test_a_convex_quadratic_is_brought_to_its_minimum(options):
    rng = np.random.default_rng(1)
    M = rng.standard_normal((6, 4))
    H = M.T @ M / 6 + np.eye(4)  # J(w) = ½ (w − c)ᵀ H (w − c)
    c = rng.standard_normal(4)
    p = Parameter(np.zeros(4))
    values = train(p, lambda w: H @ (w - c), SGD([p], lr=0.1, **options), steps=500)
    np.testing.assert_allclose(values[-1], c, atol=1e-8)


def test_nesterov_without_momentum_is_an_error():
    with pytest.raises(ValueError, match=r"SGD: nesterov=True expects a momentum > 0, momentum is 0"):
        SGD([Parameter(np.ones(2))], lr=0.1, nesterov=True)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"momentum": 0.9, "dampening": 0.3},
                                     {"momentum": 0.9, "nesterov": True}])
def test_ten_steps_equal_pytorchs(options, weight_decay):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    p = Parameter(rng.standard_normal((3, 4)))
    theirs = torch.nn.Parameter(torch.tensor(p.data))
    optimizer = SGD([p], lr=0.05, weight_decay=weight_decay, **options)
    their_optimizer = torch.optim.SGD([theirs], lr=0.05, weight_decay=weight_decay, **options)
    for _ in range(10):
        p.grad = rng.standard_normal((3, 4))
        theirs.grad = torch.tensor(p.grad)
        optimizer.step()
        their_optimizer.step()
    np.testing.assert_allclose(p.data, theirs.detach().numpy(), rtol=1e-12)
