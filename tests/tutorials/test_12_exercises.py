"""Each exercise of lesson 12 can be solved, and its test notices a wrong solution."""

import math

import numpy as np
import pytest
from lessons import cells_run


@pytest.fixture(scope="module")
def lesson():
    return cells_run("12_distillation_more")


def attention(features):
    q = (features**2).sum(axis=1).reshape(len(features), -1)
    return q / np.linalg.norm(q, axis=1, keepdims=True)


def half_life(a):
    return math.ceil(math.log(0.5) / math.log(a) - 1e-9)


def test_exercise_1_can_be_solved(lesson):
    lesson["test_hint_gradient"](lambda r, u: (r - u) / len(r))
    for wrong in (lambda r, u: 2 * (r - u) / len(r), lambda r, u: (u - r) / len(r), lambda r, u: (r - u) / r.size):
        with pytest.raises(AssertionError):
            lesson["test_hint_gradient"](wrong)


def test_exercise_2_can_be_solved(lesson):
    lesson["test_attention"](attention)
    for wrong in (lambda features: attention(np.abs(features) ** 0.5), lambda features: 2 * attention(features)):
        with pytest.raises(AssertionError):
            lesson["test_attention"](wrong)


def test_exercise_3_can_be_solved(lesson):
    lesson["test_half_life"](half_life)
    with pytest.raises(AssertionError):
        lesson["test_half_life"](lambda a: half_life(a) + 1)
