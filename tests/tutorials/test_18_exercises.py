"""The exercises of 18_your_own can be solved, and their tests notice a wrong solution."""

import math

import numpy as np
import pytest
from lessons import cells_run


@pytest.fixture(scope="module")
def lesson():
    return cells_run("18_your_own")


def normalize(pixels, mean, std, scale=255):
    axes = (-1, 1, 1)
    return ((pixels / scale - np.reshape(mean, axes)) / np.reshape(std, axes)).astype(np.float32)


def first_difference(ours, theirs):
    pairs = enumerate(zip(ours, theirs, strict=False))
    return next((k for k, (a, b) in pairs if a != b), None if len(ours) == len(theirs) else min(len(ours), len(theirs)))


def most_ram(shapes):
    sizes = [math.prod(shape) for shape in shapes]
    return max(a + b for a, b in zip(sizes, sizes[1:], strict=False))


@pytest.mark.parametrize("test, right, wrong", [
    ("test_normalize", normalize, lambda *a: normalize(*a, scale=1)),
    ("test_first_difference", first_difference, lambda ours, theirs: None if set(ours) == set(theirs) else 1),
    ("test_most_ram", most_ram, lambda shapes: max(map(math.prod, shapes))),
])
def test_the_exercises_of_18_can_be_solved(lesson, test, right, wrong):
    lesson[test](right)
    with pytest.raises(AssertionError):
        lesson[test](wrong)
