import math

import numpy as np
import pytest

from nnlite import Tensor, data, models, optim
from nnlite.train import evaluate, fit
from nntransfer.distill import Cohort, mutual_loss


def softmax(z):
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def test_the_loss_and_its_gradient_are_the_formula_with_the_others_as_constants():
    K, N, C = 3, 4, 5
    z, y = 2 * np.random.default_rng(0).standard_normal((K, N, C)), np.array([0, 4, 2, 2])
    p, expected = [softmax(each) for each in z], 0.0
    for k in range(K):
        for n in range(N):
            expected -= math.log(p[k][n, y[n]]) / N
            for j in range(K):
                if j != k:
                    expected += sum(p[j][n, c] * math.log(p[j][n, c] / p[k][n, c]) for c in range(C)) / N / (K - 1)
    students = tuple(Tensor(each, requires_grad=True) for each in z)
    loss = mutual_loss(students, y)
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    loss.backward()
    for k in range(K):  # d CE = p_k − y, d KL(p_j ‖ p_k) = p_k − p_j
        others = sum(p[k] - p[j] for j in range(K) if j != k) / (K - 1)
        np.testing.assert_allclose(students[k].grad, (p[k] - np.eye(C)[y] + others) / N, atol=1e-14)


def test_students_of_a_cohort_come_to_agree_more_than_students_alone():
    training, test = data.load("digits")
    prepare = data.preprocessing("digits")

    def disagreement(loss):
        cohort = Cohort([models.mlp(64, 8, seed=k) for k in range(2)])
        loader = data.DataLoader(training[:256], 32, shuffle=True, transform=prepare)
        history = fit(cohort, loader, optim.SGD(cohort.parameters(), lr=0.02, momentum=0.9), 10, loss, progress=False)
        assert history[-1]["accuracy"] > 0.9
        held_out = data.DataLoader(test, 500, transform=prepare)
        assert evaluate(cohort, held_out)["errors"] == evaluate(cohort.students[0], held_out)["errors"]
        first, second = (softmax(student(data.prepare(test, "digits")).data) for student in cohort.students)
        return np.abs(first - second).mean()

    def alone(logits, y):
        return mutual_loss((logits[0], logits[0]), y) / 2 + mutual_loss((logits[1], logits[1]), y) / 2

    assert disagreement(mutual_loss) < 0.8 * disagreement(alone)


def test_a_cohort_needs_two_different_students_of_the_same_classes():
    student = models.mlp(64, 4)
    with pytest.raises(ValueError, match="two or more different models, got 2, 1 of them different"):
        Cohort([student, student])
    with pytest.raises(ValueError, match="expects the logits of two or more students, got 1"):
        mutual_loss(Tensor(np.zeros((2, 3))), np.zeros(2, int))
    with pytest.raises(ValueError, match=r"shape \(2, 3\), the teacher's \(2, 4\)"):
        mutual_loss((Tensor(np.zeros((2, 3))), Tensor(np.zeros((2, 4)))), np.zeros(2, int))
    with pytest.raises(TypeError, match="Cohort: expects a list of models, got one Sequential"):
        Cohort(student)
