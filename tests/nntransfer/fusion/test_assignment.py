import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nntransfer.fusion import best_assignment


def total(gains, columns):
    return sum(gains[i, j] for i, j in enumerate(columns))


@settings(deadline=None)  # the first call compiles
@given(n=st.integers(0, 6), seed=st.integers(0, 999), ties=st.booleans())
def test_no_pairing_of_all_n_factorial_is_better(n, seed, ties):
    rng = np.random.default_rng(seed)
    gains = rng.integers(-2, 3, (n, n)) if ties else rng.standard_normal((n, n))
    columns = best_assignment(gains)
    assert sorted(columns) == list(range(n))
    best = max(total(gains, p) for p in itertools.permutations(range(n)))
    assert total(gains, columns) == pytest.approx(best, abs=1e-12)


def test_a_hidden_permutation_of_200_rows_is_found():
    p = np.random.default_rng(0).permutation(200)
    rows = np.random.default_rng(1).standard_normal((200, 40))
    np.testing.assert_array_equal(best_assignment(rows[p] @ rows.T), p)


def test_the_best_partner_of_each_row_alone_may_be_taken():
    gains = [[9, 8, 0], [9, 1, 0], [9, 8, 7]]
    assert best_assignment(gains).tolist() == [1, 0, 2]


def test_what_is_not_a_square_of_finite_numbers_is_refused():
    with pytest.raises(ValueError, match=r"best_assignment: expects as many columns as rows, got shape \(2, 3\)"):
        best_assignment(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="best_assignment: gains have to be finite, got nan"):
        best_assignment([[1, np.nan], [0, 1]])
