import numpy as np
import pytest

from nntransfer.domains import log_evidence, logme_score


def log_density(F, y, alpha, beta):
    """ln N(y; 0, I/β + F Fᵀ/α), by the determinant of the covariance."""
    C = np.eye(len(y)) / beta + F @ F.T / alpha
    sign, log_det = np.linalg.slogdet(2 * np.pi * C)
    assert sign == 1
    return -0.5 * log_det - 0.5 * y @ np.linalg.solve(C, y)


@pytest.mark.parametrize("n, D", [(8, 20), (20, 8), (9, 9), (2, 50)])
def test_the_evidence_is_the_density_of_the_labels_also_for_fewer_images_than_features(n, D):
    rng = np.random.default_rng(n)
    F, y = rng.standard_normal((n, D)), rng.standard_normal(n)
    assert log_evidence(F, y, 0.7, 1.3) == pytest.approx(log_density(F, y, 0.7, 1.3), rel=1e-12)


def test_features_of_low_rank_are_no_exception():
    rng = np.random.default_rng(1)
    F, y = np.repeat(rng.standard_normal((10, 3)), 2, axis=1), rng.standard_normal(10)
    assert log_evidence(F, y, 0.2, 3.0) == pytest.approx(log_density(F, y, 0.2, 3.0), rel=1e-12)


def test_the_score_is_the_highest_evidence_of_a_grid_in_the_mean_of_the_classes():
    rng = np.random.default_rng(2)
    labels = np.arange(30) % 3
    F = rng.standard_normal((30, 4)) + 0.5 * np.eye(4)[labels]
    grid = np.exp(np.linspace(-4, 9, 40))
    best = [max(log_density(F, (labels == k) * 1.0, alpha, beta) for alpha in grid for beta in grid) for k in range(3)]
    score = logme_score(F, labels)
    assert np.mean(best) / 30 <= score + 1e-9
    assert score == pytest.approx(np.mean(best) / 30, abs=5e-3)


def test_features_that_tell_the_classes_apart_score_higher():
    rng = np.random.default_rng(3)
    labels = np.arange(100) % 4
    noise = rng.standard_normal((100, 6))
    scores = [logme_score(noise + strength * np.eye(6)[labels], labels) for strength in (0, 1, 3, 9)]
    assert scores == sorted(scores) and scores[-1] > scores[0] + 0.3


def test_few_images_of_many_features_give_a_finite_score():
    rng = np.random.default_rng(4)
    assert np.isfinite(logme_score(rng.standard_normal((10, 64)), np.arange(10) % 5))
    assert np.isfinite(logme_score(np.zeros((10, 4)), np.arange(10) % 5))
