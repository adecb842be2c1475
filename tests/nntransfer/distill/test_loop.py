import copy

import numpy as np
import pytest

from nnlite import data, models, nn, optim, train
from nnlite import functional as F
from nnlite.checkpoint import resume
from nntransfer import WithTeacher, distillation
from nntransfer.distill import (
    Labels,
    OnFeatures,
    SoftTargets,
    TwoViews,
    Unlabelled,
    cached_logits,
    distill,
    ramp_up,
)


def digits(N=96, **options):
    training, _ = data.load("digits")
    return data.DataLoader(training[:N], 32, shuffle=True, transform=data.preprocessing("digits"), **options)


def sgd(model, lr=0.1):
    return optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def states_equal(a, b):
    return all((array == b[name]).all() for name, array in a.items())


def test_labels_and_soft_targets_train_as_hintons_loss_does():
    teacher, student = models.mlp(64, 32, seed=1), models.mlp(64, 8, seed=2)
    twin = copy.deepcopy(student)
    history = distill(student, teacher, digits(), sgd(student), 2, [(0.1, Labels()), (0.9, SoftTargets(4))], progress=False)
    expected = train.fit(twin, WithTeacher(digits(), teacher), sgd(twin), 2, distillation(4, 0.9), progress=False)
    assert [row["loss"] for row in history] == pytest.approx([row["loss"] for row in expected], rel=1e-6)
    for name, array in student.state_dict().items():
        np.testing.assert_allclose(array, twin.state_dict()[name], atol=1e-5)


def test_losses_add_up_with_their_weights_which_may_change_with_the_step():
    student, seen = models.mlp(64, 4), []

    def constant(value):
        return lambda student, teacher, labels: value + 0 * F.sum(student.logits)

    def weight(step):
        seen.append(step)
        return float(step)

    losses = [(2, constant(3.0)), (weight, constant(10.0))]
    history = distill(student, models.mlp(64, 4), digits(64), sgd(student), 2, losses, progress=False)
    assert seen == [0, 1, 2, 3]
    assert [row["loss"] for row in history] == [2 * 3 + 10 * (0 + 1) / 2, 2 * 3 + 10 * (2 + 3) / 2]


def test_a_loss_on_features_pulls_the_students_layer_to_the_teachers_and_leaves_the_layers_above():
    teacher, student = models.mlp(64, 16, seed=1), models.mlp(64, 16, seed=2)
    before = student.state_dict()
    history = distill(student, teacher, digits(), sgd(student), 5, [(1, OnFeatures(F.mse_loss, {"relu1": "relu1"}))],
                      progress=False)
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    after = student.state_dict()
    assert (after["fc1.weight"] != before["fc1.weight"]).any() and (after["fc2.weight"] == before["fc2.weight"]).all()
    assert "forward_hooks" not in vars(student.relu1) or not vars(student.relu1)["forward_hooks"]


def with_everything(seed):
    """BatchNorm and dropout."""
    rng = np.random.default_rng(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12, rng=rng), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.5, rng=rng),
                         nn.Linear(12, 10, rng=rng))


def test_a_teacher_infers_and_stays_as_it_was():
    teacher, student = with_everything(0), with_everything(1)
    before, generator = teacher.state_dict(), copy.deepcopy(teacher.generators()[0].bit_generator.state)
    distill(student, teacher, digits(), sgd(student), 1, [(1, SoftTargets(2))], progress=False)
    assert states_equal(before, teacher.state_dict()) and teacher.generators()[0].bit_generator.state == generator
    assert all(module.training for module in teacher.modules())


def test_a_student_that_is_its_own_teacher_keeps_its_dropout_and_its_statistics_are_those_of_one_pass_a_step():
    own, alone = with_everything(0), with_everything(0)
    distill(own, own, digits(), sgd(own), 2, [(1, Labels()), (0, SoftTargets(2))], progress=False)
    train.fit(alone, digits(), sgd(alone), 2, progress=False)
    assert states_equal(alone.state_dict(), own.state_dict())
    losses = [(1, OnFeatures(F.mse_loss, {"3": "3"}))]  # of the same layer: the two taps do not mix
    history = distill(own, own, digits(), sgd(own, 0.0), 1, losses, progress=False)
    assert history[0]["loss"] > 0  # the student normalizes by the batch, the teacher by the running statistics


def test_a_noisy_teacher_drops_out_by_masks_of_its_own_and_keeps_its_statistics():
    teacher, student = with_everything(0), models.mlp(64, 4)
    before, seen = teacher.state_dict(), []

    def look(student, view, labels):
        seen.append(view.logits)
        return 0 * F.sum(student.logits)

    one = data.DataLoader(data.load("digits")[0][:8], 8, transform=data.preprocessing("digits"))
    for noisy in (False, True):
        distill(student, teacher, one, sgd(student), 2, [(1, look)], noisy=noisy, progress=False)
    assert (seen[0] == seen[1]).all() and (seen[2] != seen[3]).any()
    assert states_equal(before, teacher.state_dict()) and all(module.training for module in teacher.modules())


def test_teacher_and_student_may_see_different_views():
    training = data.load("digits")[0][:8]
    loader = TwoViews(data.DataLoader(training, 8), data.ToFloat(), [data.ToFloat(), lambda images, rng: 1 - images])
    views = []

    class Look(nn.Module):
        def __init__(self, name):
            self.name, self.fc = name, nn.Linear(64, 10, rng=0)

        def forward(self, images):
            views.append((self.name, images))
            return self.fc(F.flatten(images, 1))

    student = Look("student")
    distill(student, Look("teacher"), loader, sgd(student), 1, [(1, SoftTargets(2))], progress=False)
    (first, inverted), (second, plain) = views
    assert (first, second) == ("teacher", "student")
    np.testing.assert_allclose(inverted + plain, 1, rtol=1e-6)


def test_cached_logits_teach_as_their_teacher_does(tmp_path):
    teacher, training = models.mlp(64, 32, seed=1), data.load("digits")[0][:96]
    prepare = data.preprocessing("digits")
    cached = cached_logits(tmp_path / "logits.npz", [teacher], training, 0, prepare)
    students = [models.mlp(64, 8, seed=2) for _ in range(2)]
    for student, by, indices in zip(students, (teacher, cached), (False, True), strict=True):
        distill(student, by, digits(indices=indices), sgd(student), 1, [(1, SoftTargets(4))], progress=False)
    for name, array in students[0].state_dict().items():
        np.testing.assert_allclose(array, students[1].state_dict()[name], atol=2e-3)  # float16 has 11 bits


def test_a_resumed_distillation_goes_on_with_the_step_and_ends_with_the_same_bits(tmp_path):
    teacher, path = models.mlp(64, 16, seed=1), tmp_path / "student.npz"
    losses = [(1, Labels()), (ramp_up(3, 8), SoftTargets(2))]

    def fresh():
        student = models.mlp(64, 8, seed=2)
        return student, sgd(student), digits()

    whole, optimizer, loader = fresh()
    distill(whole, teacher, loader, optimizer, 3, losses, progress=False)
    student, optimizer, loader = fresh()
    distill(student, teacher, loader, optimizer, 1, losses, checkpoint=path, progress=False)
    student, optimizer, loader = fresh()
    history = resume(path, student, optimizer, loader=loader)
    distill(student, teacher, loader, optimizer, 3, losses, history=history, progress=False)
    assert states_equal(whole.state_dict(), student.state_dict())


def test_what_cannot_be_done_is_said_before_anything_is_trained():
    student, teacher = models.mlp(64, 8), models.mlp(64, 8, seed=1)
    before, features = student.state_dict(), OnFeatures(F.mse_loss, {"relu1": "relu1"})

    def error(loader, teacher, losses):
        with pytest.raises((ValueError, TypeError)) as caught:
            distill(student, teacher, loader, sgd(student), 1, losses, progress=False)
        return str(caught.value)

    nameless = data.DataLoader(Unlabelled(data.load("digits")[0].images[:32]), 32, transform=data.ToFloat())
    assert error(digits(), teacher, []) == "distill: expects a list of (weight, loss), got none"
    assert "Labels needs labels, and none of the 32 images of the transfer set has one" in error(nameless, teacher,
                                                                                              [(1, Labels())])
    assert "reads features of the teacher, and a function has only logits" in error(digits(), digits, [(1, features)])
    assert "no layer 'relu9'; nearest: relu1" in error(digits(), teacher, [(1, OnFeatures(F.mse_loss, {"relu1": "relu9"}))])
    assert "shape (32, 10), the teacher's (32, 3)" in error(digits(), models.mlp(64, 8, classes=3), [(1, SoftTargets(2))])
    assert states_equal(before, student.state_dict())
    unlabelled = distill(student, teacher, nameless, sgd(student), 1, [(1, SoftTargets(2))], progress=False)
    assert unlabelled[0]["loss"] > 0 and "accuracy" not in unlabelled[0]


def test_two_views_of_different_length_are_an_error():
    loader = [(np.zeros((4, 1, 8, 8), np.float32), np.zeros(4, int), np.zeros((3, 1, 8, 8), np.float32))]
    student = models.mlp(64, 4)
    with pytest.raises(ValueError, match="the student sees 4 images of a batch, the teacher 3"):
        distill(student, models.mlp(64, 4), loader, sgd(student), 1, [(1, SoftTargets(2))], progress=False)
