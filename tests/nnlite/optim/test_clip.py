from dataclasses import dataclass
from math import inf, isnan, nan

import numpy as np
import pytest

from nnlite.optim import clip_grad_norm_, clip_grad_value_


@dataclass(eq=False)
class Parameter:
    data: np.ndarray
    grad: np.ndarray | None = None


def parameters(*gradients, dtype=np.float64):
    return [Parameter(np.zeros(np.shape(g), dtype), np.array(g, dtype)) for g in gradients]


def test_value_clipping_limits_every_entry_on_both_sides():
    a, b = parameters([[3.0, -3.0], [0.5, -0.5]], 7.0, dtype=np.float32)
    clip_grad_value_([a, b, Parameter(np.zeros(2))], 2)
    assert a.grad.tolist() == [[2.0, -2.0], [0.5, -0.5]]
    assert b.grad == 2 and b.grad.shape == ()
    assert a.grad.dtype == b.grad.dtype == np.float32


def test_norm_clipping_shortens_all_gradients_by_one_factor_and_returns_the_norm_before():
    a, b = parameters([[3.0, 0.0]], [0.0, 4.0, 12.0])
    norm = clip_grad_norm_((p for p in [a, b, Parameter(np.zeros(2))]), max_norm=6.5)
    assert norm == 13.0 and isinstance(norm, float)  # 3² + 4² + 12² = 13²
    np.testing.assert_allclose(a.grad, [[1.5, 0.0]], rtol=1e-7)  # halved, but for the 1e-6 in the denominator
    np.testing.assert_allclose(b.grad, [0.0, 2.0, 6.0], rtol=1e-7)


def test_norm_clipping_leaves_short_gradients_as_they_are():
    (p,) = parameters([3.0, 4.0])
    before = p.grad
    assert clip_grad_norm_([p], max_norm=5.01) == 5.0
    assert p.grad is before and p.grad.tolist() == [3.0, 4.0]


def test_a_max_norm_of_zero_gives_zero_gradients():
    (p,) = parameters([3.0, 4.0])
    clip_grad_norm_([p], max_norm=0)
    assert p.grad.tolist() == [0.0, 0.0]


def test_without_any_gradient_the_norm_is_zero():
    assert clip_grad_norm_([Parameter(np.ones(3))], 1.0) == 0.0


def test_parameters_that_share_one_gradient_array_are_scaled_once():
    g = np.array([6.0, 8.0])
    a, b = Parameter(np.zeros(2), g), Parameter(np.zeros(2), g)
    norm = clip_grad_norm_([a, b], max_norm=np.sqrt(2) * 5)
    np.testing.assert_allclose(norm, np.sqrt(2) * 10, rtol=1e-15)
    np.testing.assert_allclose(a.grad, [3.0, 4.0], rtol=1e-6)
    np.testing.assert_allclose(b.grad, [3.0, 4.0], rtol=1e-6)


def test_float32_gradients_whose_squares_overflow_are_clipped_too():
    (p,) = parameters([3e30, 4e30], dtype=np.float32)
    np.testing.assert_allclose(clip_grad_norm_([p], max_norm=1.0), 5e30, rtol=1e-6)
    assert p.grad.dtype == np.float32
    np.testing.assert_allclose(p.grad, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("bad", [nan, inf])
def test_gradients_that_are_not_finite_stay_and_the_norm_tells(bad):
    (p,) = parameters([1.0, bad])
    norm = clip_grad_norm_([p], max_norm=0.1)
    assert norm == inf or isnan(norm)
    assert p.grad[0] == 1.0


@pytest.mark.parametrize("limit", [-1.0, nan])
def test_negative_limits_are_errors(limit):
    with pytest.raises(ValueError, match=f"clip_grad_norm_: max_norm is {limit}"):
        clip_grad_norm_(parameters([1.0]), limit)
    with pytest.raises(ValueError, match=f"clip_grad_value_: value is {limit}"):
        clip_grad_value_(parameters([1.0]), limit)


@pytest.mark.parametrize("max_norm", [0.1, 1.0, 100.0])
def test_both_equal_pytorchs(max_norm):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    ours = parameters(rng.standard_normal((3, 4)), rng.standard_normal(5))
    theirs = [torch.nn.Parameter(torch.tensor(p.data)) for p in ours]
    for p, their in zip(ours, theirs, strict=True):
        their.grad = torch.tensor(p.grad)

    norm = clip_grad_norm_(ours, max_norm)
    their_norm = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    np.testing.assert_allclose(norm, their_norm.item(), rtol=1e-14)
    clip_grad_value_(ours, max_norm / 10)
    torch.nn.utils.clip_grad_value_(theirs, max_norm / 10)
    for p, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad, their.grad.numpy(), rtol=1e-14)


def test_one_parameter_is_clipped_as_a_list_of_it():
    p = Parameter(np.ones((2, 3)), np.arange(6.0).reshape(2, 3) * 2)
    assert clip_grad_norm_(p, 1.0) == pytest.approx(220**0.5)
    assert np.linalg.norm(p.grad) == pytest.approx(1, rel=1e-6)
    p.grad = np.array([[5.0, -5.0, 0.5]])
    clip_grad_value_(p, 1.0)
    assert p.grad.tolist() == [[1, -1, 0.5]]


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_grad_value_])
def test_what_is_no_parameter_is_named(clip):
    with pytest.raises(TypeError, match=f"{clip.__name__}: params holds a tuple, expects Parameters"):
        clip([("weight", Parameter(np.ones(2)))], 1.0)
    with pytest.raises(TypeError, match=f"{clip.__name__}: params is a float, expects Parameters"):
        clip(1.0, 1.0)
