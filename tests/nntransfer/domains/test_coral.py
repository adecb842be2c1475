import numpy as np
import pytest
from support import check_dtypes_and_layouts, check_gradients

from nnlite import Tensor
from nntransfer.domains import Domain, coral_distance, coral_loss, recoloured

rng = np.random.default_rng(1)
X, Y = rng.standard_normal((7, 3)), 2 * rng.standard_normal((5, 3)) + 4


def test_the_loss_is_that_of_numpys_covariances():
    difference = np.cov(X, rowvar=False) - np.cov(Y, rowvar=False)
    assert coral_loss(X, Y).item() == pytest.approx(np.sum(difference**2) / 36, rel=1e-12)


def test_gradients_run_to_both_samples():
    check_gradients(coral_loss, X, Y)
    check_dtypes_and_layouts(coral_loss, X, Y)


def test_means_do_not_count():
    assert coral_loss(X, X + [1.0, -2.0, 30.0]).item() == pytest.approx(0, abs=1e-24)


def test_steps_down_the_gradient_make_the_covariances_alike():
    x = Tensor(X, requires_grad=True)
    before = coral_loss(x, Y).item()
    for _ in range(200):
        x.grad = None
        coral_loss(x, Y).backward()
        x.data = x.data - 1.0 * x.grad
    assert coral_loss(x, Y).item() < 1e-3 * before


def test_the_distance_is_the_root_of_the_loss():
    assert coral_distance(Domain(X), Domain(Y)) == pytest.approx(coral_loss(X, Y).item() ** 0.5, rel=1e-12)


def test_recoloured_features_have_nearly_the_targets_covariance_and_exactly_its_mean():
    x = 30 * rng.standard_normal((200, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0.2], [0, 0, 3]])
    y = 20 * rng.standard_normal((100, 3)) @ np.array([[2, 0, 0.1], [0, 1, 0.8], [0, 0, 1]]) + 7
    z = recoloured(Domain(x), Domain(y))
    np.testing.assert_allclose(z.mean(axis=0), y.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(np.cov(z, rowvar=False), np.cov(y, rowvar=False), rtol=0.02, atol=2.0)
    assert recoloured(Domain(x.astype(np.float32)), Domain(y)).dtype == np.float32


def test_a_domain_recoloured_by_itself_stays():
    np.testing.assert_allclose(recoloured(Domain(X), Domain(X)), X, atol=1e-12)


def test_one_number_worked_by_hand():
    """Variance 3 becomes that of 8 at (3 + 1)^(−½) (8 + 1)^½ = 3/2."""
    source, target = Domain(np.array([[-1.0], [2.0], [-1.0]])), Domain(np.array([[8.0], [4.0]]))
    np.testing.assert_allclose(recoloured(source, target), [[4.5], [9.0], [4.5]], rtol=1e-12)


def test_one_sample_and_other_features_are_refused():
    with pytest.raises(ValueError, match="^coral_loss: a domain of 1 sample, at least 2 are needed$"):
        coral_loss(X[:1], Y)
    with pytest.raises(ValueError, match="^coral_distance: the source has 3 features, the target 2$"):
        coral_distance(Domain(X), Domain(Y[:, :2]))
    with pytest.raises(ValueError, match="^recoloured: the source has 3 features, the target 2$"):
        recoloured(Domain(X), Domain(Y[:, :2]))
