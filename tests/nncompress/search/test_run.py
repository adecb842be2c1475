import numpy as np
import pytest

from nncompress.search import Budget, Settings
from nncompress.search.run import BudgetTooSmall, Run, largest_within
from nnlite import data, models
from nnlite import functional as F


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


class Flat:
    """A curvature of 1 everywhere."""

    def of(self, name, shape):
        return np.ones(shape)


@pytest.mark.parametrize("limit, fewest, most", [(150, 201, 399), (100, 1, 199), (5000, 400, 400)])
def test_removed_weights_come_back_while_the_file_has_room_but_no_more_than_are_kept(limit, fewest, most):
    images = np.random.default_rng(0).random((64, 1, 4, 4), np.float32)
    loader = data.DataLoader(data.Dataset(images, np.arange(64) % 3, classes=3), 64)
    run = Run(models.mlp(in_features=16, hidden=20, classes=3), (loader, loader), Budget(bytes=limit), F.cross_entropy,
              Settings())
    run.curvature = Flat()
    run.grid.set_masks(run.best(200, run.grid.masks))
    run.aim_at_the_limit()
    assert run.kept() == 200 and fewest <= run.K <= most
    run.grid.set_masks(run.best(run.K, run.grid.masks))
    run.grid.set_steps(run.steps())
    assert min(0.95 * limit, 170) < run.size() <= limit
