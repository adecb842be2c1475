import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nncompress.articles import (
    count_weights,
    prune_by_statistics,
    shrink_by_threshold,
    split_weights,
    threshold_mask,
)
from nncompress.pruning import magnitude_masks
from nnlite import models
from nnlite.inference.cost import count_nonzero

QUICK = settings(deadline=None, max_examples=50)
WEIGHTS = arrays(np.float32, st.integers(1, 30), elements=st.floats(-100, 100, width=32))


# ---- A2


@QUICK
@given(w=WEIGHTS, data=st.data())
def test_pruned_and_removed_weights_are_disjoint_and_add_up_to_the_original_bit_for_bit(w, data):
    w += 0.0                                                        # −0.0 -> 0.0
    mask = data.draw(arrays(bool, w.shape))
    w_pruned, w_removed = split_weights(w, mask)
    assert not (w_pruned * w_removed).any()
    assert (w_pruned + w_removed).tobytes() == w.tobytes()
    assert w_pruned.tolist() == [value if kept else 0.0 for value, kept in zip(w, mask, strict=True)]
    assert w_pruned.dtype == w_removed.dtype == np.float32


def test_split_weights_refuses_what_is_no_mask_or_no_number():
    with pytest.raises(ValueError, match=r"the mask has shape \(2,\), the weights \(3,\)"):
        split_weights(np.ones(3), np.ones(2, bool))
    with pytest.raises(TypeError, match="the mask holds int64, expects booleans"):
        split_weights(np.ones(3), np.ones(3, np.int64))
    with pytest.raises(ValueError, match="1 of 2 weights are NaN or infinite"):
        split_weights(np.array([1.0, np.inf]), np.ones(2, bool))


def far_from_mean(values, mean, variance):
    return (values - mean) ** 2 > variance


def test_the_procedure_removes_among_the_chosen_only_and_writes_a_new_array():
    w = np.random.default_rng(0).normal(size=(20, 10)).astype(np.float32)
    before = w.copy()
    measured = []

    def decide(values, mean, variance):
        measured.append((np.sort(values), mean, variance))
        return far_from_mean(values, mean, variance)

    w_pruned = prune_by_statistics(w, 0.5, decide, rng=1)
    (chosen, mean, variance), = measured
    assert chosen.size == 100 and np.isin(chosen, w).all() and np.unique(chosen).size == 100
    assert mean == pytest.approx(sum(chosen.tolist()) / 100)
    assert variance == pytest.approx(sum((v - mean) ** 2 for v in chosen.tolist()) / 100)
    near = [v for v in chosen if (v - mean) ** 2 <= variance]
    np.testing.assert_array_equal(np.sort(w[w_pruned != w]), near)      # these were removed, no others
    assert not w_pruned[w_pruned != w].any()
    np.testing.assert_array_equal(w, before)


def test_the_procedure_is_random_and_its_seed_repeats_it():
    w = np.random.default_rng(0).normal(size=100)
    first, same, other = (prune_by_statistics(w, 0.3, far_from_mean, rng) for rng in (1, 1, 2))
    assert first.tobytes() == same.tobytes() != other.tobytes()


def test_the_letter_removes_large_weights_where_magnitude_pruning_keeps_them():
    w = np.array([5.0, 5.1, 4.9, 0.1])
    dropped = prune_by_statistics(w, 1.0, lambda v, mean, variance: v <= mean, rng=0)
    np.testing.assert_array_equal(dropped, [0.0, 0.0, 0.0, 0.1])


def test_a_choice_of_no_weight_has_no_mean():
    with pytest.raises(ValueError, match="a fraction 0.01 of 10 weights is none, which has no mean"):
        prune_by_statistics(np.ones(10), 0.01, far_from_mean, 0)
    with pytest.raises(ValueError, match="the fraction has to be a number from 0 to 1, got 2"):
        prune_by_statistics(np.ones(10), 2, far_from_mean, 0)


# ---- A5


def test_the_count_that_the_article_prints_does_not_change_by_pruning():
    model = models.cnn()
    numel = 16 * 3 * 9 + 16 + 32 * 16 * 9 + 32 + 128 * 2048 + 128 + 10 * 128 + 10
    weights = numel - 16 - 32 - 128 - 10
    assert count_weights(model) == count_nonzero(model) == numel
    magnitude_masks(model, 0.5).apply()
    assert count_weights(model) == numel
    assert count_nonzero(model) == numel - weights // 2


# ---- B1


@QUICK
@given(w=WEIGHTS, threshold=st.floats(0.01, 0.99))
def test_the_formula_makes_every_weight_smaller_and_removes_none(w, threshold):
    shrunk = shrink_by_threshold(w.astype(np.float64), threshold)
    np.testing.assert_allclose(shrunk, [value * (1 - threshold) for value in w.tolist()], rtol=1e-13)
    assert ((shrunk == 0) == (w == 0)).all()
    assert (np.abs(shrunk) < np.abs(w))[w != 0].all()


@QUICK
@given(w=WEIGHTS.filter(np.any), threshold=st.floats(0, 1, width=32))
def test_the_accepted_form_keeps_what_reaches_the_threshold(w, threshold):
    largest = max(abs(value) for value in w)
    assert threshold_mask(w, threshold).tolist() == [abs(value) / largest >= np.float32(threshold) for value in w]


def test_letter_and_accepted_form_side_by_side():
    w = np.array([0.5, -0.25, 0.125, -1.0])
    np.testing.assert_array_equal(shrink_by_threshold(w, 0.5), [0.25, -0.125, 0.0625, -0.5])
    np.testing.assert_array_equal(threshold_mask(w, 0.5), [True, False, False, True])
    np.testing.assert_array_equal(split_weights(w, threshold_mask(w, 0.5))[0], [0.5, 0, 0, -1.0])


def test_threshold_1_is_the_only_one_by_which_the_formula_removes():
    w = np.array([0.5, -0.25])
    assert not shrink_by_threshold(w, 1).any()
    assert threshold_mask(w, 1).tolist() == [True, False]


@pytest.mark.parametrize("form", [shrink_by_threshold, threshold_mask])
def test_a_threshold_is_from_0_to_1(form):
    with pytest.raises(ValueError, match="the threshold has to be a number from 0 to 1, got 1.2"):
        form(np.ones(3), 1.2)


@pytest.mark.parametrize("w", [np.zeros(3), np.array([1.0, np.nan]), np.array([1.0, np.inf]), np.zeros(0)])
def test_weights_that_cannot_be_scaled_to_1_are_refused(w):
    with pytest.raises(ValueError, match="threshold_mask: the largest weight has the magnitude"):
        threshold_mask(w, 0.5)
