import numpy as np
import pytest
from support import check_gradients

from nntransfer.domains import cubic_kernel, gaussian_kernels, linear_kernel, squared_mmd
from nntransfer.domains.mmd import squared_distances

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((6, 3)), rng.standard_normal((4, 3)) + 1


def k_gauss(z):
    """gaussian_kernels, pair by pair."""
    D = np.array([[np.sum((a - b) ** 2) for b in z] for a in z])
    return sum(np.exp(-D / (f * D.mean())) for f in (0.25, 0.5, 1, 2, 4))


def k_cubic(z):
    return np.array([[(sum(p * q for p, q in zip(a, b, strict=True)) / 3 + 1) ** 3 for b in z] for a in z])


@pytest.mark.parametrize(("kernel", "by_pairs"), [(gaussian_kernels, k_gauss), (cubic_kernel, k_cubic),
                                                  (linear_kernel, lambda z: np.array([[a @ b for b in z] for a in z]))])
@pytest.mark.parametrize("unbiased", [True, False])
def test_the_value_is_the_sum_over_pairs(kernel, by_pairs, unbiased):
    K, n, m = by_pairs(np.concatenate([X, Y])), 6, 4
    within_x = sum(K[i, j] for i in range(n) for j in range(n) if i != j or not unbiased)
    within_y = sum(K[n + i, n + j] for i in range(m) for j in range(m) if i != j or not unbiased)
    between = sum(K[i, n + j] for i in range(n) for j in range(m))
    one = 1 if unbiased else 0
    expected = within_x / (n * (n - one)) + within_y / (m * (m - one)) - 2 * between / (n * m)
    assert squared_mmd(X, Y, kernel, unbiased).item() == pytest.approx(expected, rel=1e-10)


def test_with_the_linear_kernel_the_biased_form_is_the_distance_of_the_means():
    expected = np.sum((X.mean(axis=0) - Y.mean(axis=0)) ** 2)
    assert squared_mmd(X, Y, linear_kernel, unbiased=False).item() == pytest.approx(expected, rel=1e-12)


def test_the_unbiased_form_averages_0_on_one_distribution_and_the_biased_one_does_not():
    pairs = [(rng.standard_normal((8, 2)), rng.standard_normal((8, 2))) for _ in range(300)]
    unbiased = np.array([squared_mmd(x, y).item() for x, y in pairs])
    biased = np.array([squared_mmd(x, y, unbiased=False).item() for x, y in pairs])
    error = unbiased.std() / np.sqrt(300)
    assert abs(unbiased.mean()) < 4 * error and (unbiased < 0).mean() > 0.3
    assert biased.min() >= 0 and biased.mean() > 20 * error


def test_all_splits_of_eight_points_average_exactly_0():
    from itertools import combinations

    z = np.concatenate([X, Y])[:8]
    splits = [(list(a), [i for i in range(8) if i not in a]) for a in combinations(range(8), 4)]
    assert abs(np.mean([squared_mmd(z[a], z[b]).item() for a, b in splits])) < 1e-12


def test_gradients_run_to_both_samples():
    check_gradients(lambda x, y: squared_mmd(x, y, cubic_kernel), X, Y)
    check_gradients(lambda x, y: squared_mmd(x, y, linear_kernel, unbiased=False), X, Y)


def test_the_width_of_the_gaussians_counts_as_a_constant():
    s = k_gauss_width = float(squared_distances_of(X).mean())

    def with_fixed_width(z):
        from nnlite import functional as F
        return F.exp(squared_distances(z) * (-1 / s))

    from nnlite import Tensor
    a, b = Tensor(X, requires_grad=True), Tensor(X, requires_grad=True)
    gaussian_kernels(a, factors=(1.0,)).sum().backward()
    with_fixed_width(b).sum().backward()
    assert k_gauss_width > 0
    np.testing.assert_allclose(a.grad, b.grad, rtol=1e-12)


def squared_distances_of(z):
    return np.array([[np.sum((a - b) ** 2) for b in z] for a in z])


def test_equal_points_have_distance_0_and_float32_stays():
    ones = np.ones((3, 2), np.float32)
    assert squared_mmd(ones, ones).item() == 0
    assert squared_mmd(X.astype(np.float32), Y.astype(np.float32)).dtype == np.float32


def test_too_few_samples_and_other_features_are_refused():
    with pytest.raises(ValueError, match="^squared_mmd: a domain of 1 sample, at least 2 are needed$"):
        squared_mmd(X, Y[:1])
    with pytest.raises(ValueError, match="^squared_mmd: the one domain has 3 features, the other 2$"):
        squared_mmd(X, Y[:, :2])
