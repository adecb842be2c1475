"""The exercises of 17_smallest_network can be solved, and their tests notice a wrong solution."""

import numpy as np
import pytest
from lessons import cells_run


@pytest.fixture(scope="module")
def lesson():
    return cells_run("17_smallest_network")


def kept_at(done, start, end, N, K, power=3):
    g = min(max((done - start) / (end - start), 0), 1)
    return round(K + (N - K) * (1 - g) ** power)


def value_gradient(dw, I, k):
    return np.array([dw[k == I].sum() for k in range(k)])


def neighbours(kept, itself=0):
    N, H, W = kept.shape
    padded = np.pad(kept.astype(int), ((0, 0), (1, 1), (1, 1)))
    around = sum(padded[:, y : y + H, x : x + W] for y in range(3) for x in range(3))
    return around - (1 - itself) * kept


@pytest.mark.parametrize("test, right, wrong", [
    ("test_kept_at", kept_at, lambda *a: kept_at(*a, power=2)),
    ("test_value_gradient", value_gradient, lambda dw, I, k: value_gradient(dw, I, k) / dw.size),
    ("test_neighbours", neighbours, lambda kept: neighbours(kept, itself=1)),
])
def test_the_exercises_of_17_can_be_solved(lesson, test, right, wrong):
    lesson[test](right)
    with pytest.raises(AssertionError):
        lesson[test](wrong)
