from math import log

import numpy as np
import pytest

from nntransfer.domains import leep_score


def by_loops(theta, y):
    """The paper's steps, one at a time."""
    n, Z, Y = len(y), len(theta[0]), max(y) + 1
    joint = [[sum(theta[i][z] for i in range(n) if y[i] == k) / n for z in range(Z)] for k in range(Y)]
    total = 0.0
    for i in range(n):
        p = 0.0
        for z in range(Z):
            marginal = sum(joint[k][z] for k in range(Y))
            if marginal:
                p += joint[y[i]][z] / marginal * theta[i][z]
        total += log(p)
    return total / n


def test_leep_is_the_papers_steps():
    rng = np.random.default_rng(0)
    theta = rng.dirichlet(np.ones(4), 30)
    y = rng.integers(0, 3, 30)
    assert leep_score(theta, y) == pytest.approx(by_loops(theta.tolist(), y.tolist()), rel=1e-12)


def test_leep_by_hand():
    # P(y=0|z) = (0.8 + 0.6)/(0.8 + 0.6 + 0.2) = 7/8 and (0.2 + 0.4)/(0.2 + 0.4 + 0.8) = 3/7
    p = [0.8 * 7 / 8 + 0.2 * 3 / 7, 0.6 * 7 / 8 + 0.4 * 3 / 7, 0.2 / 8 + 0.8 * 4 / 7]
    assert leep_score([[0.8, 0.2], [0.6, 0.4], [0.2, 0.8]], [0, 0, 1]) == pytest.approx(sum(map(log, p)) / 3, rel=1e-12)


def test_a_source_class_without_mass_changes_nothing():
    theta, y = np.random.default_rng(1).dirichlet(np.ones(3), 20), np.arange(20) % 2
    with_empty = np.insert(theta, 1, 0.0, axis=1)
    assert leep_score(with_empty, y) == pytest.approx(leep_score(theta, y), rel=1e-12)


def test_a_source_that_says_the_same_of_every_image_scores_the_classes_entropy():
    y = np.array([0, 0, 0, 1])
    assert leep_score(np.full((4, 5), 0.2), y) == pytest.approx(0.75 * log(0.75) + 0.25 * log(0.25), rel=1e-12)


def test_rows_that_are_not_probabilities_are_refused():
    with pytest.raises(ValueError, match="leep_score: each row has to be probabilities, .* one has the sum 2.5"):
        leep_score([[0.5, 0.5], [2.0, 0.5]], [0, 1])
