import numpy as np
import pytest

from nncompress.pruning import collect
from nncompress.pruning.criteria import wanda_scores
from nncompress.pruning.granularity import dead_input_masks, keep_n_of_m, pattern_masks, slice_masks
from nnlite import models, nn


def small_network():
    return nn.Sequential(nn.Conv2d(1, 8, 3, rng=0), nn.ReLU(), nn.Conv2d(8, 4, 3, rng=1), nn.Flatten(), nn.Linear(16, 5, rng=2))


@pytest.mark.parametrize("n, m", [(2, 4), (1, 4), (3, 8)])
@pytest.mark.parametrize("shape", [(3, 8), (2, 16, 3, 2)])
def test_of_every_m_inputs_the_n_highest_stay(n, m, shape):
    scores = np.random.default_rng(0).integers(1, 9, shape)                 # with ties
    mask = keep_n_of_m(scores, n, m)
    for o, *rest in np.ndindex(shape[0], *shape[2:]):
        for start in range(0, shape[1], m):
            group = [(scores[o, i, *rest], i) for i in range(start, start + m)]
            highest = {i for _, i in sorted(group)[m - n:]}
            assert {i for _, i in group if mask[o, i, *rest]} == highest


def test_masks_of_a_pattern_leave_layers_whole_that_it_does_not_fit():
    model = small_network()
    masks = pattern_masks(model, 2, 4)
    assert list(masks) == ["2.weight", "4.weight"] and masks.sparsity() == 0.5
    quarter = pattern_masks(model, 1, 4, layers=["4.weight"])
    assert list(quarter) == ["4.weight"]
    largest = np.abs(model[4].weight.data).reshape(5, 4, 4).argmax(axis=2)
    np.testing.assert_array_equal(quarter["4.weight"].reshape(5, 4, 4).argmax(axis=2), largest)


def test_a_pattern_goes_by_any_criterion():
    model = nn.Linear(4, 1, rng=0)
    model.weight.data = np.float32([[4, 3, 2, 1]])
    x = np.float32([[0.1, 0.1, 1, 5]])
    masks = pattern_masks(model, 2, 4, wanda_scores, collect(model, [(x, None)], what=["input_norm"]))
    assert masks["weight"].tolist() == [[False, False, True, True]]


@pytest.mark.parametrize("arguments, message", [
    ((4, 4), "a pattern n:m keeps n of m weights, 0 < n < m, got 4:4"),
    ((0, 4), "a pattern n:m keeps n of m weights, 0 < n < m, got 0:4"),
    ((2, 7), r"the pattern 2:7 fits no layer, their inputs are 0.weight 1, 2.weight 8, 4.weight 16"),
])
def test_patterns_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        pattern_masks(small_network(), *arguments)


def test_a_layer_that_is_named_has_to_fit():
    with pytest.raises(ValueError, match="0.weight: 1 inputs cannot be split into groups of 4, as the pattern 2:4 needs"):
        pattern_masks(small_network(), 2, 4, layers=["0.weight"])
    with pytest.raises(ValueError, match=r"there is no \['1.weight'\] to prune"):
        pattern_masks(small_network(), 2, 4, layers=["1.weight"])


@pytest.mark.parametrize("axis", [0, 1])
def test_whole_rows_or_columns_of_the_lowest_sums_go(axis):
    model = small_network()
    masks = slice_masks(model, {"2.weight": 0.5, "4.weight": 0.25}, axis)
    for name, share in {"2.weight": 0.5, "4.weight": 0.25}.items():
        w = np.swapaxes(dict(model.named_parameters())[name].data, 0, axis)
        sums = [sum(abs(float(v)) for v in part.ravel()) for part in w]
        lowest = sorted(range(len(sums)), key=sums.__getitem__)[: round(share * len(sums))]
        for i, part in enumerate(np.swapaxes(masks[name], 0, axis)):
            assert (part == (i not in lowest)).all()


def test_another_axis_is_refused():
    with pytest.raises(ValueError, match="axis 0 are the rows of a weight, axis 1 its columns, got axis 2"):
        slice_masks(small_network(), 0.5, 2)


def test_dead_pixels_and_neurons_go_and_the_outputs_stay_the_same():
    model = models.lenet_300_100(in_features=16)
    x = np.random.default_rng(0).normal(size=(20, 16)).astype(np.float32)
    x[:, [0, 3, 15]] = 0
    model.fc1.bias.data[7] = -100                                           # neuron 7 is never above 0
    before = model(x).data
    masks = dead_input_masks(model, collect(model, [(x, None)], what=["input_norm"]))
    assert sorted(np.flatnonzero(~masks["fc1.weight"].any(axis=0))) == [0, 3, 15]
    assert (~masks["fc1.weight"]).sum() == 3 * 300 and not masks["fc2.weight"][:, 7].any()
    masks.apply()
    np.testing.assert_allclose(model(x).data, before, rtol=1e-5, atol=1e-6)
