import pytest

from nncompress.search.run import BudgetTooSmall, largest_within


def test_the_largest_number_that_fits_is_found_to_within_a_percent():
    asked = []

    def size(K):
        asked.append(K)
        return 20 + 3 * K

    K = largest_within(3020, size, 50_000)
    assert 990 <= K <= 1000 and len(asked) < 20
    assert largest_within(10**9, size, 50_000) == 50_000


def test_a_limit_below_every_size_is_refused_with_the_smallest_one():
    with pytest.raises(BudgetTooSmall, match="a file of 10 bytes is too small: with one weight left it has"):
        largest_within(10, lambda K: 20 + 3 * K, 1000)
