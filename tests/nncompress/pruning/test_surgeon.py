import itertools

import numpy as np
import pytest

from nncompress.pruning import surgeon
from nncompress.pruning.surgeon import compensation, damped_inverse, least_squares, remove_one_by_one, saliencies, without_index


def quadratic(K=5, seed=0):
    """w in the minimum of E(v) = ½ (v − w)ᵀ H (v − w)."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(2 * K, K))
    return rng.normal(size=K), A.T @ A / K


def E(v, w, H):
    return sum(0.5 * (v - w)[i] * H[i, j] * (v - w)[j] for i in range(len(w)) for j in range(len(w)))


def test_one_weight_by_hand():
    H = np.array([[2.0, 1.0], [1.0, 1.0]])                                  # H⁻¹ = [[1, −1], [−1, 2]]
    w = np.array([1.0, 3.0])
    inverse = damped_inverse(H, 0)
    np.testing.assert_allclose(saliencies(w, inverse), [1 / 2, 9 / 4])
    np.testing.assert_allclose(compensation(w, inverse, 0), [-1, 1])        # the other grows, because both inputs agree


def test_on_a_quadratic_the_predicted_cost_is_the_true_one_and_no_other_change_costs_less():
    w, H = quadratic()
    inverse = damped_inverse(H, 0)
    for q in range(len(w)):
        change = compensation(w, inverse, q)
        assert (w + change)[q] == pytest.approx(0, abs=1e-14)
        cost = E(w + change, w, H)
        assert saliencies(w, inverse)[q] == pytest.approx(cost, rel=1e-9)
        for seed in range(5):                                               # other changes that remove weight q
            other = 1e-2 * np.random.default_rng(seed).normal(size=len(w))
            other[q] = 0
            assert E(w + change + other, w, H) > cost
        plain = np.where(np.arange(len(w)) == q, 0, w)
        assert E(plain, w, H) > cost


def test_the_inverse_of_what_is_left_is_the_inverse_without_the_index():
    _, H = quadratic()
    for q in range(5):
        rest = [i for i in range(5) if i != q]
        np.testing.assert_allclose(without_index(np.linalg.inv(H), q), np.linalg.inv(H[np.ix_(rest, rest)]), rtol=1e-9)


def test_one_by_one_ends_at_the_least_squares_of_what_is_left_and_the_costs_add_up():
    w, H = quadratic(7)
    new, removed, costs = remove_one_by_one(w, damped_inverse(H, 0), 4, fixed=1)
    kept = [i for i in range(7) if i not in removed]
    assert len(set(removed)) == 4 and 6 in kept and (new[removed] == 0).all()
    np.testing.assert_allclose(new, least_squares(w, H, kept), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(costs.sum(), E(new, w, H), rtol=1e-9)
    first = min(range(6), key=lambda q: w[q] ** 2 / np.linalg.inv(H)[q, q])
    assert removed[0] == first


def test_least_squares_of_some_columns_is_numpys():
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(20, 6)), rng.normal(size=(3, 6))
    kept = np.array([0, 2, 5])
    expected = np.zeros((3, 6))
    expected[:, kept] = np.linalg.lstsq(x[:, kept], x @ w.T, rcond=None)[0].T
    for places in (kept, np.isin(np.arange(6), kept)):
        np.testing.assert_allclose(least_squares(w, x.T @ x / 20, places), expected, atol=1e-12)


def test_least_squares_of_rows_with_more_axes_are_those_of_each_row():
    rng = np.random.default_rng(4)
    x, w = rng.normal(size=(20, 5)), rng.normal(size=(2, 3, 5))  # as many places are kept as the middle axis is long
    for kept in ([0, 2, 3], [1], []):
        expected = np.zeros(w.shape)
        for index in np.ndindex(2, 3):
            expected[index][kept] = np.linalg.lstsq(x[:, kept], x @ w[index], rcond=None)[0]
        np.testing.assert_allclose(least_squares(w, x.T @ x / 20, np.array(kept, int)), expected, atol=1e-12)


def test_for_two_weights_the_best_choice_is_never_worse_than_one_by_one():
    w, H = quadratic(6, seed=4)
    new, _, _ = remove_one_by_one(w, damped_inverse(H, 0), 2)
    best = min(E(least_squares(w, H, [i for i in range(6) if i not in gone]), w, H)
               for gone in itertools.combinations(range(6), 2))
    assert best <= E(new, w, H) * (1 + 1e-12)


def test_damping_makes_a_dead_input_invertible_and_without_it_it_is_refused():
    H = np.array([[4.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(surgeon.damped(H, 0.5), [[5, 0], [0, 1]])
    np.testing.assert_allclose(damped_inverse(H, 0.5), [[0.2, 0], [0, 1]])
    with pytest.raises(ValueError, match=r"H \(2, 2\) with damping 0 is not positive definite: give more examples than inputs"):
        damped_inverse(H, 0)
    with pytest.raises(ValueError, match="the damping has to be a number from 0 up, got -1"):
        damped_inverse(H, -1)


def test_more_weights_than_there_are_cannot_be_removed():
    with pytest.raises(ValueError, match="remove_one_by_one: 2 of 1 weights cannot be removed"):
        remove_one_by_one(np.ones(2), np.eye(2), 2, fixed=1)
