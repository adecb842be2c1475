import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nncompress.pruning.scores import check_fraction, keep_highest, masks_from_scores, remove_lowest

QUICK = settings(deadline=None, max_examples=50)
FRACTIONS = st.floats(0, 1)
SCORES = arrays(np.float32, st.integers(1, 40), elements=st.sampled_from([0.0, 1.0, 2.0, 2.5]))  # many ties


@QUICK
@given(scores=SCORES, sparsity=FRACTIONS)
def test_exactly_so_many_are_removed_and_they_are_the_lowest_of_equal_ones_the_first(scores, sparsity):
    removed = round(sparsity * scores.size)
    if not scores.any() and 0 < removed < scores.size:
        return
    order = sorted(range(scores.size), key=lambda i: (scores[i], i))
    expected = [i not in order[:removed] for i in range(scores.size)]
    assert keep_highest(scores, sparsity).tolist() == expected


def test_half_a_score_is_rounded_to_the_even_number():
    assert (~keep_highest(np.arange(1.0, 6.0), 0.5)).sum() == 2     # 2.5 -> 2
    assert (~keep_highest(np.arange(1.0, 8.0), 0.5)).sum() == 4     # 3.5 -> 4


def test_a_mask_has_the_shape_of_its_scores():
    mask = keep_highest(np.array([[4.0, 1.0], [3.0, 2.0]]), 0.5)
    np.testing.assert_array_equal(mask, [[True, False], [True, False]])


def test_layer_scope_takes_its_part_of_each_and_global_scope_the_lowest_of_all():
    scores = {"small": np.array([1.0, 2.0, 3.0, 4.0]), "large": np.array([[10.0, 40.0], [30.0, 20.0]])}
    layer = masks_from_scores(scores, 0.5, "layer")
    assert layer["small"].tolist() == [False, False, True, True]
    assert layer["large"].tolist() == [[False, True], [True, False]]
    whole = masks_from_scores(scores, 0.625, "global")
    assert whole["small"].tolist() == [False, False, False, False]
    assert whole["large"].tolist() == [[False, True], [True, True]]


@QUICK
@given(first=SCORES, second=SCORES, sparsity=FRACTIONS)
def test_global_scope_is_one_layer_with_all_the_scores(first, second, sparsity):
    together = np.concatenate([first, second]) + 1
    masks = masks_from_scores({"a": first + 1, "b": second + 1}, sparsity, "global")
    assert [*masks["a"], *masks["b"]] == keep_highest(together, sparsity).tolist()


def test_a_dict_prunes_the_layers_that_it_names():
    masks = masks_from_scores({"a": np.array([1.0, 2.0]), "b": np.array([1.0, 2.0])}, {"b": 0.5})
    assert list(masks) == ["b"] and masks["b"].tolist() == [False, True]


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), "half", None])
def test_a_fraction_outside_0_to_1_is_refused_with_its_value(value):
    with pytest.raises(ValueError, match=f"sparsity has to be a number from 0 to 1, got {value!r}"):
        check_fraction("sparsity", value)
    with pytest.raises(ValueError, match="keep_highest: the sparsity has to be a number from 0 to 1"):
        keep_highest(np.ones(3), value)


def test_scores_that_cannot_be_ranked_are_refused():
    with pytest.raises(ValueError, match="fc: all 4 scores are zero, so nothing says which 2 to remove"):
        keep_highest(np.zeros(4), 0.5, "fc")
    with pytest.raises(ValueError, match="fc: 1 of 4 scores are NaN"):
        remove_lowest(np.array([1.0, np.nan, 2.0, 3.0]), 1, "fc")
    assert keep_highest(np.zeros(4), 0).all() and not keep_highest(np.zeros(4), 1).any()


def test_scope_and_names_are_checked():
    scores = {"a": np.array([1.0, 2.0])}
    with pytest.raises(ValueError, match="the scope is 'layer', 'row' or 'global', got 'filter'"):
        masks_from_scores(scores, 0.5, "filter")
    with pytest.raises(ValueError, match="scope 'global' takes one sparsity for all layers, got {'"):
        masks_from_scores(scores, {"a": 0.5}, "global")
    with pytest.raises(ValueError, match=r"there is no \['b'\] to prune, only \['a'\]"):
        masks_from_scores(scores, {"b": 0.5})


def test_in_scope_row_every_row_loses_its_lowest_and_a_row_of_zeros_its_first():
    masks = masks_from_scores({"w": np.array([[4.0, 1, 3, 2], [0, 0, 0, 0], [7, 8, 5, 6]])}, 0.5, "row")
    assert masks["w"].tolist() == [[True, False, True, False], [False, False, True, True], [True, True, False, False]]
    with pytest.raises(ValueError, match="w: all 4 scores are zero"):
        masks_from_scores({"w": np.zeros((2, 2))}, 0.5, "row")
