import copy
import inspect
import itertools
import math

import numpy as np
import pytest

from nnlite import Tensor, data, models, optim, train
from nnlite import functional as F
from nntransfer import WithTeacher, cross_entropy_with_log_probabilities, distillation, distillation_loss, log_loss


def test_log_loss_is_the_articles_formula():
    y_hat, y = np.array([0.9, 0.2, 0.5, 0.7]), np.array([1, 0, 1, 0])
    expected = -(math.log(0.9) + math.log(0.8) + math.log(0.5) + math.log(0.3)) / 4
    assert log_loss(y_hat, y).item() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_log_loss_has_no_teacher_in_it_it_is_what_is_left_of_distillation_with_two_classes_at_alpha_0(seed):
    assert list(inspect.signature(log_loss).parameters) == ["y_hat", "y"]
    rng = np.random.default_rng(seed)
    z, y = rng.standard_normal(5), rng.integers(0, 2, 5)
    any_teacher = 9 * rng.standard_normal((5, 2))
    student = np.stack([np.zeros(5), z], axis=1)  # softmax of (0, z) is (1 − σ(z), σ(z))
    expected = distillation_loss(student, any_teacher, y, temperature=4, alpha=0).item()
    assert log_loss(1 / (1 + np.exp(-z)), y).item() == pytest.approx(expected, rel=1e-12)


def a8_by_loops(z_s, z_t):
    total = 0.0
    for s, t in zip(z_s.tolist(), z_t.tolist(), strict=True):
        norm_s, norm_t = (math.log(sum(map(math.exp, z))) for z in (s, t))
        total -= sum((t_c - norm_t) * (s_c - norm_s) for s_c, t_c in zip(s, t, strict=True))
    return total / len(z_s)


def random_logits(seed, N=5, C=4):
    rng = np.random.default_rng(seed)
    return 2 * rng.standard_normal((N, C)), 2 * rng.standard_normal((N, C))


def a8_gradient(z_s, z_t):
    z_s = Tensor(z_s, requires_grad=True)
    cross_entropy_with_log_probabilities(z_s, z_t).backward()
    return z_s.grad


@pytest.mark.parametrize("seed", range(3))
def test_a8_is_the_articles_code_and_never_above_0(seed):
    z_s, z_t = random_logits(seed)
    loss = cross_entropy_with_log_probabilities(z_s, z_t).item()
    assert loss == pytest.approx(a8_by_loops(z_s, z_t), rel=1e-12)
    assert loss < 0


def test_the_gradient_of_a8_is_the_one_in_its_docstring():
    z_s, z_t = random_logits(3)
    t = z_t - np.log(np.exp(z_t).sum(1, keepdims=True))
    p = np.exp(z_s) / np.exp(z_s).sum(1, keepdims=True)
    np.testing.assert_allclose(a8_gradient(z_s, z_t), (p * t.sum(1, keepdims=True) - t) / len(z_s), rtol=1e-11, atol=1e-14)


def test_the_cross_entropy_itself_refuses_log_probabilities():
    z_s, z_t = random_logits(4)
    with pytest.raises(ValueError, match="log-probabilities have to be turned back by exp"):
        F.cross_entropy(z_s, F.log_softmax(z_t))


def test_a8_with_probabilities_is_the_accepted_form_but_for_the_teachers_entropy():
    z_s, z_t = random_logits(5)
    p = np.exp(z_t) / np.exp(z_t).sum(1, keepdims=True)
    entropy = -(p * np.log(p)).sum(1).mean()
    accepted = distillation_loss(z_s, z_t, np.zeros(len(z_s), int), temperature=1, alpha=1).item()
    assert F.cross_entropy(z_s, p).item() == pytest.approx(accepted + entropy, rel=1e-12)


def test_a8_has_no_lower_bound():
    _, z_t = random_logits(6)
    for size in (1e2, 1e4, 1e8, 1e16):
        z_s = np.zeros_like(z_t)
        z_s[:, 0] = -size  # the student rules class 0 out, with more and more certainty
        assert cross_entropy_with_log_probabilities(z_s, z_t).item() < -0.1 * size


def test_a8_is_concave_so_that_its_only_stationary_point_is_a_maximum():
    _, z_t = random_logits(7)
    t = z_t - np.log(np.exp(z_t).sum(1, keepdims=True))
    top = np.log(t / t.sum(1, keepdims=True))  # softmax(top) = t / Σ t
    np.testing.assert_allclose(a8_gradient(top, z_t), 0, atol=1e-15 * np.abs(t).sum())
    assert (top.argmin(1) == z_t.argmax(1)).all()  # the least for the class that the teacher believes in
    highest = cross_entropy_with_log_probabilities(top, z_t).item()
    rng = np.random.default_rng(8)
    for _ in range(20):
        a, b = rng.standard_normal((2, *z_t.shape))
        at_a, at_b, between = (cross_entropy_with_log_probabilities(z, z_t).item() for z in (a, b, (a + b) / 2))
        assert between >= (at_a + at_b) / 2
        assert max(at_a, at_b) < highest


def test_no_gradient_of_a8_reaches_the_teacher():
    z_s, z_t = random_logits(9)
    teacher = Tensor(z_t, requires_grad=True)
    cross_entropy_with_log_probabilities(Tensor(z_s, requires_grad=True), teacher).backward()
    assert teacher.grad is None


def test_a8_names_both_shapes_when_they_do_not_fit():
    with pytest.raises(ValueError, match=r"student's logits have shape \(2, 3\), the teacher's \(2, 5\)"):
        cross_entropy_with_log_probabilities(np.zeros((2, 3)), np.zeros((2, 5)))


def test_fit_stops_a8_with_a_sentence():
    training, _ = data.load("digits")
    loader = data.DataLoader(training, 64, transform=data.preprocessing("digits"))
    teacher, student = models.mlp(64, 32, seed=0), models.mlp(64, 32, seed=1)
    train.fit(teacher, loader, optim.SGD(teacher.parameters(), lr=0.3), epochs=3, progress=False)
    optimizer = optim.SGD(student.parameters(), lr=0.01)  # the article's optimizer and rate, and 10 epochs
    with pytest.raises(FloatingPointError, match=r"the loss became (-inf|nan) in epoch \d+, batch \d+"):
        train.fit(student, WithTeacher(loader, teacher), optimizer, epochs=10, progress=False,
                  loss=lambda logits, labels, teacher_logits: cross_entropy_with_log_probabilities(logits, teacher_logits))


@pytest.mark.parametrize("seed", range(2))
def test_on_digits_the_articles_loss_ruins_the_student_where_the_accepted_one_improves_it(seed):
    training, test = data.load("digits")
    loader = data.DataLoader(training, 64, shuffle=True, seed=seed, transform=data.preprocessing("digits"))
    unseen = data.DataLoader(test, 64, transform=data.preprocessing("digits"))
    teacher, student = models.mlp(64, 128, seed=seed), models.mlp(64, 32, seed=seed + 10)
    train.fit(teacher, loader, optim.SGD(teacher.parameters(), lr=0.3), epochs=6, progress=False)
    train.fit(student, loader, optim.SGD(student.parameters(), lr=0.1), epochs=1, progress=False)
    before = train.evaluate(student, unseen)["accuracy"]
    assert 0.5 < before < 0.9 < train.evaluate(teacher, unseen)["accuracy"]

    accepted, batches = copy.deepcopy(student), WithTeacher(loader, teacher)
    history = train.fit(accepted, batches, optim.SGD(accepted.parameters(), lr=0.01), epochs=10, progress=False,
                        loss=distillation(temperature=4, alpha=0.9))
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert train.evaluate(accepted, unseen)["accuracy"] > before

    optimizer, losses = optim.SGD(student.parameters(), lr=0.01), []
    for images, _, teacher_logits in itertools.islice(batches, 10):
        optimizer.zero_grad()
        loss = cross_entropy_with_log_probabilities(student(images), teacher_logits)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 1e6 * losses[0] < 0
    assert train.evaluate(student, unseen)["accuracy"] < 0.2
