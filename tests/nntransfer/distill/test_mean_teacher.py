import math

import numpy as np
import pytest
from support import check_gradients

from nnlite import data, models, nn, optim
from nnlite.train import evaluate
from nntransfer.distill import InStep, Labels, MeanTeacher, OnLogits, TwoViews, consistency_loss, distill, ramp_up


def test_the_teacher_is_the_running_average_whose_first_steps_count_more():
    student = nn.Sequential(nn.Linear(1, 1, rng=0), nn.BatchNorm1d(1))
    student[0].weight.data[:] = 8.0
    mean = MeanTeacher(student, decay=0.7)
    assert mean.teacher[0].weight.data is not student[0].weight.data
    expected = []
    for w, a in ((4.0, 1 / 2), (1.0, 2 / 3), (5.0, 0.7), (7.0, 0.7)):  # 1 − 1/(k + 1), at most 0.7
        student[0].weight.data[:] = w
        student[1].running_mean.data[:] = 10 * w
        expected.append(a * (expected[-1] if expected else 8.0) + (1 - a) * w)
        mean.update()
    assert mean.teacher[0].weight.data.item() == pytest.approx(expected[-1], rel=1e-6)
    assert mean.teacher[0].weight.dtype == np.float32
    average = 0.0
    for w, a in ((4.0, 1 / 2), (1.0, 2 / 3), (5.0, 0.7), (7.0, 0.7)):
        average = a * average + (1 - a) * 10 * w
    assert mean.teacher[1].running_mean.data.item() == pytest.approx(average, rel=1e-6)
    assert student[0].weight.data.item() == 7.0


def test_the_consistency_is_the_squared_distance_of_probabilities():
    z_s, z_t = np.array([[0.0, 0.0], [0.0, math.log(3)]]), np.array([[math.log(3), 0.0], [0.0, math.log(3)]])
    assert consistency_loss(z_s, z_t).item() == pytest.approx((0.25**2 + 0.25**2 + 0) / 2, rel=1e-12)
    check_gradients(lambda z: consistency_loss(z, np.eye(3, 4)), (3, 4))
    with pytest.raises(ValueError, match=r"shape \(2, 2\), the teacher's \(2, 3\)"):
        consistency_loss(z_s, np.zeros((2, 3)))


def test_a_weight_rises_along_its_curve_and_then_stays():
    weight = ramp_up(largest=40, steps=100)
    assert weight(0) == pytest.approx(40 * math.exp(-5)) and weight(80) == pytest.approx(40 * math.exp(-0.2))
    assert weight(100) == weight(1000) == 40
    assert all(weight(k) < weight(k + 1) for k in range(100))


def test_images_without_labels_improve_a_student_of_few_labels():
    training, test = data.load("digits")
    few, prepare = training.few(2, rng=0), data.preprocessing("digits")
    held_out = data.DataLoader(test, 500, transform=prepare)

    def blur(images, rng):
        return images + 0.3 * rng.standard_normal(images.shape).astype(np.float32)

    def errors(largest):
        student = models.mlp(64, 64, dropout=0.3)
        mean = MeanTeacher(student, decay=0.95)
        both = InStep(data.DataLoader(few, 20, shuffle=True), data.DataLoader(training, 60, shuffle=True))
        losses = [(1, Labels()), (ramp_up(largest, 200), OnLogits(consistency_loss))]
        distill(student, mean.teacher, TwoViews(both, *[[*prepare, blur]] * 2), optim.Adam(student.parameters(), lr=3e-3), 20,
                losses, noisy=True, after_step=mean.update, progress=False)
        return evaluate(mean.teacher, held_out)["errors"]

    assert errors(largest=3) < 0.85 * errors(largest=0)


def test_a_decay_of_1_would_never_learn():
    with pytest.raises(ValueError, match="decay has to be at least 0 and below 1, got 1"):
        MeanTeacher(models.mlp(64, 4), decay=1)
    with pytest.raises(ValueError, match="at least 1 step, got 0"):
        ramp_up(1, 0)
