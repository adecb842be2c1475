import numpy as np
import pytest

from nntransfer.domains import Domain, frechet_distance

rng = np.random.default_rng(2)


def test_in_one_dimension_it_is_the_distance_of_means_and_deviations():
    x, y = rng.standard_normal((40, 1)), 3 * rng.standard_normal((30, 1)) + 5
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert frechet_distance(Domain(x), Domain(y)) == pytest.approx(expected, rel=1e-10)


def test_it_is_what_the_eigenvalues_of_the_product_of_covariances_say():
    x, y = rng.standard_normal((40, 4)) @ rng.standard_normal((4, 4)), rng.standard_normal((30, 4)) + 1
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.sqrt(np.linalg.eigvals(a @ b).real).sum()  # (AB)^½ and (A^½ B A^½)^½ have the same eigenvalues
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(a) + np.trace(b) - 2 * root
    assert frechet_distance(Domain(x), Domain(y)) == pytest.approx(expected, rel=1e-9)


def test_a_domain_is_at_distance_0_from_itself_and_a_shift_adds_its_square():
    x = rng.standard_normal((20, 3))
    assert frechet_distance(Domain(x), Domain(x)) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(Domain(x), Domain(x + [3.0, 0.0, 4.0])) == pytest.approx(25, rel=1e-9)


def test_it_is_symmetric_and_does_not_mind_fewer_samples_than_features():
    x, y = rng.standard_normal((5, 9)), rng.standard_normal((4, 9))
    assert frechet_distance(Domain(x), Domain(y)) == pytest.approx(frechet_distance(Domain(y), Domain(x)), rel=1e-6)


def test_other_features_are_refused():
    with pytest.raises(ValueError, match="^frechet_distance: the source has 3 features, the target 2$"):
        frechet_distance(Domain(np.eye(3)), Domain(np.eye(2)))
