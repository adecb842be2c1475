import numpy as np
import pytest

from nntransfer.domains import cka_between_layers, linear_cka, minibatch_cka, rbf_cka
from nntransfer.domains.cka import _debiased_product, hsic0, hsic1

rng = np.random.default_rng(5)
X, Y = rng.standard_normal((12, 4)), rng.standard_normal((12, 7))
Y[:, 0] += 2 * X[:, 0]
FORMS = [lambda x, y, cka=cka, d=d: cka(x, y, debiased=d) for cka in (linear_cka, rbf_cka) for d in (False, True)]


def orthogonal(d):
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


@pytest.mark.parametrize("cka", FORMS)
def test_turning_scaling_and_shifting_change_nothing(cka):
    expected = cka(X, Y)
    assert cka(X @ orthogonal(4) * 3, 0.01 * Y @ orthogonal(7) + 5) == pytest.approx(expected, abs=1e-6)
    assert cka(Y, X) == pytest.approx(expected, abs=1e-12)
    assert cka(X, 2 * X @ orthogonal(4)) == pytest.approx(1, abs=1e-6)


def test_a_map_that_is_not_orthogonal_does_change_it():
    assert linear_cka(X, X * [1, 1, 1, 20]) < 0.8


def test_linear_cka_is_the_ratio_of_hsic_of_its_kernels():
    K, L = X @ X.T, Y @ Y.T
    expected = hsic0(K, L) / np.sqrt(hsic0(K, K) * hsic0(L, L))
    assert linear_cka(X, Y) == pytest.approx(expected, rel=1e-12)


def test_hsic0_is_the_trace_with_the_centring_matrix():
    H = np.eye(12) - 1 / 12
    K, L = np.exp(X @ X.T / 9), Y @ Y.T
    assert hsic0(K, L) == pytest.approx(np.trace(K @ H @ L @ H) / 11**2, rel=1e-12)


def test_hsic1_is_the_mean_over_all_quadruples_of_different_samples():
    """Song et al. 2012, eq. 3: E[K_ij L_ij + K_ij L_qr − 2 K_ij L_iq] over different i, j, q, r."""
    from itertools import permutations

    K, L = X[:6] @ X[:6].T, np.exp(-Y[:6] @ Y[:6].T / 20)
    terms = [K[i, j] * (L[i, j] + L[q, r] - 2 * L[i, q]) for i, j, q, r in permutations(range(6), 4)]
    assert hsic1(K, L) == pytest.approx(np.mean(terms), rel=1e-10)


def test_both_debiased_forms_agree():
    x, y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    for a, b in ((x, y), (x, x), (y, y)):
        assert _debiased_product(a, b) == pytest.approx(12 * 9 * hsic1(a @ a.T, b @ b.T), rel=1e-12)
    K, L = X @ X.T, Y @ Y.T
    expected = hsic1(K, L) / np.sqrt(hsic1(K, K) * hsic1(L, L))
    assert linear_cka(X, Y, debiased=True) == pytest.approx(expected, rel=1e-10)


def test_unrelated_wide_layers_look_alike_until_the_bias_is_taken_away():
    pairs = [(rng.standard_normal((20, 200)), rng.standard_normal((20, 200))) for _ in range(20)]
    assert np.mean([linear_cka(x, y) for x, y in pairs]) > 0.85
    assert abs(np.mean([linear_cka(x, y, debiased=True) for x, y in pairs])) < 0.05


def test_rbf_cka_is_its_formula_sample_by_sample():
    def kernel(z):
        D = np.array([[np.linalg.norm(a - b) for b in z] for a in z])
        return np.exp(-(D**2) / (2 * (0.5 * np.median([D[i, j] for i in range(12) for j in range(i)])) ** 2))

    H = np.eye(12) - 1 / 12
    K, L = H @ kernel(X) @ H, H @ kernel(Y) @ H
    assert rbf_cka(X, Y) == pytest.approx(np.sum(K * L) / np.linalg.norm(K) / np.linalg.norm(L), rel=1e-10)


def test_with_a_wide_kernel_rbf_cka_is_nearly_linear_cka():
    assert rbf_cka(X, Y, sigma=100) == pytest.approx(linear_cka(X, Y), abs=1e-3)


def test_one_batch_is_the_debiased_form_and_many_small_ones_come_near_it():
    assert minibatch_cka([(X, Y)]) == pytest.approx(linear_cka(X, Y, debiased=True), rel=1e-12)
    own = np.random.default_rng(5)
    x = own.standard_normal((1200, 6))
    y = np.tanh(x @ own.standard_normal((6, 9)))
    whole = linear_cka(x, y, debiased=True)
    batches = [(x[i : i + 8], y[i : i + 8]) for i in range(0, 1200, 8)]
    assert minibatch_cka(batches) == pytest.approx(whole, abs=0.03)
    assert abs(np.mean([linear_cka(*batch) for batch in batches]) - whole) > 0.08  # the mean of biased ones does not


def test_all_layers_with_all_layers():
    matrix = cka_between_layers({"a": X, "b": Y}, {"a": X, "b": Y, "c": X[:, :2]}, debiased=False)
    assert matrix.shape == (2, 3)
    np.testing.assert_allclose(matrix[[0, 1], [0, 1]], 1)
    assert matrix[1, 2] == linear_cka(Y, X[:, :2])


@pytest.mark.parametrize(("call", "message"), [
    (lambda: linear_cka(X, Y[:5]), "linear_cka: features of 12 and of 5 samples, expected the same samples for both"),
    (lambda: linear_cka(X[:1], Y[:1]), "linear_cka: a domain of 1 sample, at least 2 are needed"),
    (lambda: rbf_cka(X[:3], Y[:3], debiased=True), "rbf_cka: a domain of 3 samples, at least 4 are needed"),
    (lambda: rbf_cka(X, Y, sigma=0), "rbf_cka: sigma has to be above 0, got 0"),
    (lambda: linear_cka(X, np.full((12, 2), 0.1)), r"linear_cka: features \(12, 2\) are the same for all samples, so there is "
                                                   "nothing to align"),
    (lambda: rbf_cka(X, np.eye(12)[:, :1]), "rbf_cka: more than half of the pairs of the 12 samples have the same features, so "
                                            "there is no width for the kernel"),
    (lambda: minibatch_cka([]), "minibatch_cka: there is no batch")])
def test_what_has_no_alignment_is_refused(call, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        call()
