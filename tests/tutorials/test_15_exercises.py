"""The exercises of 15_domains can be solved, and their tests notice a wrong solution."""

import numpy as np
import pytest
from lessons import cells_run


@pytest.fixture(scope="module")
def lesson():
    return cells_run("15_domains")


def covariance(x, less=1):
    c = x - x.mean(0)
    return c.T @ c / (len(x) - less)


def coral(x, y, less=1):
    return np.sum((covariance(x, less) - covariance(y, less)) ** 2) / (4 * x.shape[1] ** 2)


def gradient(x, y, factor=4):
    """dL/dC = 2 (C_x − C_y)/(4d²), and dC_x reaches x twice: dx = 2/(n − 1) (x − x̄) dC."""
    return factor / (4 * x.shape[1] ** 2) * (x - x.mean(0)) @ (covariance(x) - covariance(y)) / (len(x) - 1)


def nearest(few, labels, features, reduce=np.mean):
    centres = np.stack([reduce(few[labels == k], axis=0) for k in range(10)])
    return np.argmin(((features[:, None] - centres) ** 2).sum(2), axis=1)


@pytest.mark.parametrize("test, right, wrong", [
    ("test_coral", coral, lambda x, y: coral(x, y, less=0)),
    ("test_gradient", gradient, lambda x, y: gradient(x, y, factor=2)),
    ("test_nearest", nearest, lambda *arguments: nearest(*arguments, reduce=np.sum)),
])
def test_the_exercises_of_15_can_be_solved(lesson, test, right, wrong):
    lesson[test](right)
    with pytest.raises(AssertionError):
        lesson[test](wrong)
