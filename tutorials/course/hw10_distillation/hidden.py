"""The tests that only the grader has."""

from math import log
from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
slope, loss_by_loops = visible["slope"], visible["loss_by_loops"]
INF, NAN = np.inf, np.nan


def soft_targets(student, rng):
    z_s, z_t, t = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.dirichlet(np.ones(4), 3)
    loss, dz = student.distillation_loss(z_s, z_t, t, 2.5, 0.4)
    same(loss, loss_by_loops(z_s, z_t, t, 2.5, 0.4), within=1e-12)
    same(dz, slope(lambda z: loss_by_loops(z, z_t, t, 2.5, 0.4), z_s), within=1e-8)


def extreme_logits(student, rng):
    z_s, z_t = np.array([[0.0, -INF, 0.0]]), np.array([[2 * log(3), -INF, 0.0]])    # at T = 2: ½, 0, ½ and ¾, 0, ¼
    soft, d_soft = 4 * (3 / 4 * log(3 / 2) + 1 / 4 * log(1 / 2)), np.array([[-1 / 2, 0, 1 / 2]])
    d_hard = np.array([[1 / 2, 0, -1 / 2]])
    loss, dz = student.distillation_loss(z_s, z_t, np.array([2]), 2.0, 0.25)
    same(loss, 3 / 4 * log(2) + soft / 4, within=1e-12)
    same(dz, 3 / 4 * d_hard + d_soft / 4, within=1e-12)
    loss, dz = student.distillation_loss(z_s, z_t, np.array([1]), 2.0, 1.0)         # the labels' part is infinite
    same(loss, soft, within=1e-12)
    same(dz, d_soft, within=1e-12)
    loss, dz = student.distillation_loss(z_s, np.zeros((1, 3)), np.array([2]), 2.0, 0.0)    # the teacher's part is infinite
    same(loss, log(2), within=1e-12)
    same(dz, d_hard, within=1e-12)
    loss, dz = student.distillation_loss(np.array([[2000.0, 0.0]]), np.array([[0.0, 2000.0]]), np.array([1]), 2.0, 0.5)
    same(loss, 2000 / 2 + 4 * 1000 / 2)
    same(dz, [[1 / 2 + 2 / 2, -1 / 2 - 2 / 2]])


def teacher_is_cut_off(student, rng):
    z_s, z_t = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    itself, requires, has_gradient = student.from_tensors(z_s, z_t, np.array([0, 2]))
    assert itself, "check_logits gave another Tensor than the student's: its tape is lost"
    assert not requires, "the teacher's logits still require a gradient"
    assert not has_gradient, "the teacher got a gradient"
    checked_s, checked_t = student.check_logits(z_s, z_t)
    same(checked_s, z_s)
    same(checked_t, z_t)


def teacher_infers(student, rng):
    images, labels, w = rng.normal(size=(5, 3)), rng.integers(0, 3, 5), rng.normal(size=3)
    found, are_arrays, on_tape, seen = student.batches_with_module(images, labels, w)
    for i, z_t in enumerate(found):
        same(z_t, images[i::2] * w, within=1e-12)
    same(are_arrays, [True, True])
    same(on_tape, 0)
    for at, (training, inner, recorded) in enumerate(seen):
        assert training and inner, f"after batch {at} the teacher's modules have another mode than before"
        assert recorded, f"after batch {at} the student's operations are not recorded"


def refusals(student, rng):
    z, y = np.zeros((2, 3)), np.array([0, 2])
    same(student.distillation_loss(z, z, y, 1.0, 0.0)[0], log(3), within=1e-12)        # to refuse everything is no solution
    for T, alpha in ((1e-3, 0), (1e100, 1), (4, 0.5)):
        student.check_options(T, alpha)
    for T, alpha in ((0, 0.5), (-1.0, 0.5), (NAN, 0.5), (INF, 0.5), (1e200, 0.5), (2, -0.1), (2, 1.1), (2, NAN), (2, INF)):
        refuses(student.check_options, T, alpha)
        refuses(student.distillation_loss, z, z, y, T, alpha)
    for z_s, z_t in ((z, np.zeros((2, 4))), (z, np.zeros((1, 3))), (z[0], z[0]), (z[:0], z[:0]), (z[None], z[None]), (z, z[0])):
        refuses(student.check_logits, z_s, z_t)
        refuses(student.distillation_loss, z_s, z_t, y[: len(z_s)], 2.0, 0.5)
    for target in (np.array([0, 3]), np.array([0]), np.zeros((2, 2))):
        for alpha in (0.0, 0.5, 1.0):
            refuses(student.distillation_loss, z, z, target, 2.0, alpha)


def float32_and_memory(student, rng):
    z_s, z_t = rng.normal(size=(2, 3)).astype(np.float32), rng.normal(size=(2, 3)).astype(np.float32)
    y = np.array([0, 2])
    for alpha in (0.0, 0.5, 1.0):
        for result in student.distillation_loss(z_s, z_t, y, 2.0, alpha):
            dtype(result, np.float32)
    loss, *after = student.from_arrays(z_s, z_t, y, 2.0, 0.5)
    same(loss, loss_by_loops(z_s.astype(float), z_t.astype(float), np.eye(3)[y], 2.0, 0.5), within=1e-5)
    for got, want in zip(after, (z_s, z_t, y), strict=True):
        same(got, want)
