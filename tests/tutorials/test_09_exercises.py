"""Each exercise of lesson 09 can be solved, and its test notices a wrong solution."""

import numpy as np
import pytest
from lessons import cells_run

from nnlite import no_grad


@pytest.fixture(scope="module")
def lesson():
    return cells_run("09_distillation")


def with_teacher(loader, teacher, infer=True, put_back=True):
    for images, labels in loader:
        before = teacher.training
        teacher.train(before and not infer)
        with no_grad():
            z = teacher(images).data
        teacher.train(before and put_back)
        yield images, labels, z


def temperature_of(z, entropy):
    low, high = 1e-3, 1e6
    for _ in range(200):
        T = (low * high) ** 0.5
        p = np.exp((z - z.max()) / T)
        p /= p.sum()
        low, high = (T, high) if -(p * np.log(np.maximum(p, 1e-300))).sum() < entropy else (low, T)
    return T


def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def together(logits):
    parts = np.stack([log_softmax(z) for z in logits])
    highest = parts.max(axis=0)
    return highest + np.log(np.exp(parts - highest).mean(axis=0))


def test_exercise_1_can_be_solved(lesson):
    lesson["test_with_teacher"](with_teacher)
    for wrong in ({"infer": False}, {"put_back": False}):
        with pytest.raises(AssertionError):
            lesson["test_with_teacher"](lambda loader, teacher, wrong=wrong: with_teacher(loader, teacher, **wrong))


def test_exercise_2_can_be_solved(lesson):
    lesson["test_temperature_of"](temperature_of)
    with pytest.raises(AssertionError):
        lesson["test_temperature_of"](lambda z, entropy: temperature_of(z, entropy / np.log(2)) if entropy < 1 else 4.0)


def test_exercise_3_can_be_solved(lesson):
    lesson["test_together"](together)
    with pytest.raises(AssertionError):
        lesson["test_together"](lambda logits: np.mean(logits, axis=0))
