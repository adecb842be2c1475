import numpy as np
import pytest

from nntransfer.domains import proxy_a_distance

rng = np.random.default_rng(4)


def test_domains_far_apart_have_distance_2_and_equal_ones_about_0():
    x, y = rng.standard_normal((200, 5)), rng.standard_normal((200, 5))
    assert proxy_a_distance(x, y + 20) == 2
    assert abs(proxy_a_distance(x, y)) < 0.4


def test_the_error_is_that_of_two_gaussians_one_deviation_from_the_middle():
    """N(0, 1) and N(2, 1): the best threshold errs on Φ(−1) = 0.1587 of each, so d = 2 (1 − 2·0.1587) = 1.365."""
    x, y = rng.standard_normal((20_000, 1)), rng.standard_normal((20_000, 1)) + 2
    assert proxy_a_distance(x, y) == pytest.approx(1.365, abs=0.03)


def test_the_error_is_that_of_samples_held_out():
    """With more features than samples the training halves are told apart without an error, equal domains or not."""
    pairs = [(rng.standard_normal((40, 100)), rng.standard_normal((40, 100))) for _ in range(30)]
    assert abs(np.mean([proxy_a_distance(x, y) for x, y in pairs])) < 0.3


def test_both_domains_weigh_the_same_whatever_their_numbers():
    x, y = rng.standard_normal((2000, 1)), rng.standard_normal((100, 1)) + 1
    both = [proxy_a_distance(x, y), proxy_a_distance(y, x)]
    assert both == pytest.approx([2 * (1 - 2 * 0.3085)] * 2, abs=0.3)


def test_a_feature_that_tells_nothing_and_never_changes_is_no_obstacle_and_seeds_repeat():
    x, y = np.zeros((10, 2)), np.zeros((10, 2))
    y[:, 0] = 1
    assert proxy_a_distance(x, y) == 2
    x = rng.standard_normal((30, 3))
    assert proxy_a_distance(x, x + 0.5, rng=1) == proxy_a_distance(x, x + 0.5, rng=1)


def test_what_cannot_be_halved_or_compared_is_refused():
    with pytest.raises(ValueError, match="^proxy_a_distance: a domain of 3 samples, at least 4 are needed$"):
        proxy_a_distance(np.zeros((3, 2)), np.zeros((9, 2)))
    with pytest.raises(ValueError, match="^proxy_a_distance: the one domain has 2 features, the other 1$"):
        proxy_a_distance(np.zeros((9, 2)), np.zeros((9, 1)))
    with pytest.raises(ValueError, match="^proxy_a_distance: ridge has to be above 0, got 0$"):
        proxy_a_distance(np.zeros((9, 2)), np.zeros((9, 2)), ridge=0)
