"""The exercises of 13_finetuning_more can be solved, and their tests notice a wrong solution."""

from math import prod

import numpy as np
import pytest
from lessons import cells_run


@pytest.fixture(scope="module")
def lesson():
    return cells_run("13_finetuning_more")


def gradients(G, A, B, alpha, scaling=1):
    s = scaling * alpha / len(A)
    return s * B.T @ G, s * G @ A.T


def largest_rank(shapes, budget, cut=True):
    def size(r):
        total = 0
        for O, *rest in shapes:
            total += (min(r, O, prod(rest)) if cut else r) * (O + prod(rest))
        return total

    r = 0
    while size(r + 1) <= budget:
        r += 1
    return r


def compressed(change, r, parts=np.s_[:]):
    U, s, V = np.linalg.svd(change, full_matrices=False)
    U, s, V = U[:, parts], s[parts], V[parts]
    return (U * s)[:, :r], V[:r]


@pytest.mark.parametrize("test, right, wrong", [
    ("test_gradients", gradients, lambda *arguments: gradients(*arguments, scaling=2)),
    ("test_largest_rank", largest_rank, lambda shapes, budget: largest_rank(shapes, budget, cut=False)),
    ("test_compressed", compressed, lambda change, r: compressed(change, r, parts=np.s_[::-1])),
])
def test_the_exercises_of_13_can_be_solved(lesson, test, right, wrong):
    lesson[test](right)
    with pytest.raises(AssertionError):
        lesson[test](wrong)
