import numpy as np
import pytest

from nntransfer.domains import h_score


def test_h_is_the_trace_of_the_covariances():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    f = rng.standard_normal((200, 4)) + 2 * np.eye(4)[y]
    means = np.array([[f[y == y[i], d].mean() for d in range(4)] for i in range(200)])
    expected = np.trace(np.linalg.inv(np.cov(f.T)) @ np.cov(means.T))
    assert 1 < expected < 2
    assert h_score(f, y) == pytest.approx(expected, rel=1e-9)


def test_a_linear_map_of_the_features_changes_nothing():
    rng = np.random.default_rng(1)
    f, y = rng.standard_normal((50, 3)), np.arange(50) % 4
    assert h_score(f @ rng.standard_normal((3, 3)) + 7, y) == pytest.approx(h_score(f, y), rel=1e-9)


def test_with_fewer_images_than_features_random_features_reach_classes_minus_1():
    f, y = np.random.default_rng(2).standard_normal((10, 30)), np.arange(10) % 5
    assert h_score(f, y) == pytest.approx(4, rel=1e-9)


def test_a_feature_that_is_constant_counts_nothing():
    f, y = np.random.default_rng(3).standard_normal((40, 2)), np.arange(40) % 2
    assert h_score(np.insert(f, 1, 5.0, axis=1), y) == pytest.approx(h_score(f, y), rel=1e-9)


def test_class_numbers_may_have_gaps():
    f, y = np.random.default_rng(4).standard_normal((40, 2)), np.arange(40) % 2
    assert h_score(f, 3 * y + 1) == pytest.approx(h_score(f, y), rel=1e-12)
