import numpy as np

from nncompress.pruning.criteria import random_scores


def test_the_same_seed_gives_the_same_scores_and_the_weights_do_not_matter():
    w = np.zeros((3, 4))
    np.testing.assert_array_equal(random_scores(5)(w), random_scores(5)(w + 1))
    assert (random_scores(5)(w) != random_scores(6)(w)).all()


def test_layers_of_the_same_shape_get_scores_of_their_own_and_none_is_0():
    criterion = random_scores(0)
    first, second = criterion(np.zeros(1000)), criterion(np.zeros(1000))
    assert (first != second).all() and 0 < first.min() < 0.01 and 0.99 < first.max() <= 1
