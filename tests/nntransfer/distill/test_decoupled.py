import math

import numpy as np
import pytest
from support import check_gradients

from nnlite import Tensor
from nntransfer import distillation_loss
from nntransfer.distill import Decoupled, View, decoupled_loss


def logits(seed=0, N=5, C=4):
    rng = np.random.default_rng(seed)
    return 3 * rng.standard_normal((N, C)), 3 * rng.standard_normal((N, C)), rng.integers(0, C, N)


def kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def softmax(z):
    return [math.exp(x) / sum(math.exp(k) for k in z) for x in z]


def parts(z_s, z_t, y, T):
    """(divergence of "right class or not", divergence among the others) of one example."""
    p, q = softmax(z_t / T), softmax(z_s / T)
    others = [c for c in range(len(p)) if c != y]
    return (kl([p[y], 1 - p[y]], [q[y], 1 - q[y]]), kl(*([r[c] / (1 - r[y]) for c in others] for r in (p, q))), 1 - p[y])


@pytest.mark.parametrize("T, alpha, beta", [(1, 1, 8), (4, 0.5, 2), (2, 0, 1), (2, 1, 0)])
def test_the_loss_is_its_formula(T, alpha, beta):
    z_s, z_t, y = logits()
    found = [parts(*each, T) for each in zip(z_s, z_t, y, strict=True)]
    expected = T * T * sum(alpha * b + beta * rest for b, rest, _ in found) / len(y)
    assert decoupled_loss(z_s, z_t, y, temperature=T, alpha=alpha, beta=beta).item() == pytest.approx(expected, rel=1e-11)


def test_with_beta_what_the_teacher_leaves_to_the_other_classes_it_is_hintons_loss():
    for z_s, z_t, y in zip(*logits(1), strict=True):
        *_, rest = parts(z_s, z_t, y, 3)
        loss = decoupled_loss(z_s[None], z_t[None], [y], temperature=3, alpha=1, beta=rest).item()
        assert loss == pytest.approx(distillation_loss(z_s[None], z_t[None], [y], temperature=3, alpha=1).item(), rel=1e-10)


def test_its_gradient_equals_central_differences_and_none_reaches_the_teacher():
    _, z_t, y = logits(2)
    check_gradients(lambda z: decoupled_loss(z, z_t, y, temperature=3, alpha=1, beta=4), z_t.shape)
    student, teacher = Tensor(z_t + 1, requires_grad=True), Tensor(z_t, requires_grad=True)
    decoupled_loss(student, teacher, y, temperature=3, alpha=1, beta=4).backward()
    assert teacher.grad is None and student.grad is not None


def test_examples_without_label_are_left_out():
    z_s, z_t, y = logits(3)
    y[[0, 2]] = -1
    known, loss = [1, 3, 4], Decoupled(2, beta=3)
    expected = decoupled_loss(z_s[known], z_t[known], y[known], temperature=2, alpha=1, beta=3).item()
    assert loss(View(Tensor(z_s), {}), View(z_t, {}), y).item() == pytest.approx(expected, rel=1e-14)
    assert loss(View(Tensor(z_s), {}), View(z_t, {}), np.full(5, -1)).item() == 0 and loss.needs_labels


def test_what_does_not_fit_is_an_error():
    z_s, z_t, y = logits()
    options = {"temperature": 2, "alpha": 1, "beta": 1}
    with pytest.raises(ValueError, match=r"logits \(5, 4\) need class indices \(5,\) from 0 to 3 .* got int64 \(5,\) from 4"):
        decoupled_loss(z_s, z_t, np.full(5, 4), **options)
    with pytest.raises(ValueError, match=r"student's logits have shape \(5, 4\), the teacher's \(5, 3\)"):
        decoupled_loss(z_s, z_t[:, :3], y, **options)
    with pytest.raises(ValueError, match="alpha and beta have to be at least 0, got -1 and 1"):
        Decoupled(2, alpha=-1, beta=1)
    with pytest.raises(ValueError, match="the temperature has to be above 0"):
        Decoupled(0)
    z, probabilities = Tensor(z_s), np.full((5, 4), 0.25)
    with pytest.raises(ValueError, match=r"need class indices \(5,\) .* got float64 \(5, 4\)"):
        Decoupled(2)(View(z, {}), View(z_t, {}), probabilities)
