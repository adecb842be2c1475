import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.pruning.criteria import random_scores, squared_scores
from nncompress.pruning.magnitude import criterion_masks, magnitude_masks, std_masks, threshold_masks
from nncompress.pruning.masks import Masks
from nnlite import models, nn

QUICK = settings(deadline=None, max_examples=25)


def small_network():
    return nn.Sequential(nn.Conv2d(1, 3, 3, rng=0), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 5, rng=1))


@QUICK
@given(sparsity=st.floats(0, 1), scope=st.sampled_from(["layer", "global"]))
def test_sparsity_is_exact(sparsity, scope):
    if scope == "global":
        sparsity *= 0.9                                         # of all weights together, so that no layer is empty
    masks = magnitude_masks(small_network(), sparsity, scope)
    sizes = [mask.size for mask in masks.values()]
    removed = [int((~mask).sum()) for mask in masks.values()]
    assert sizes == [27, 60]
    if scope == "layer":
        assert removed == [round(sparsity * 27), round(sparsity * 60)]
    else:
        assert sum(removed) == round(sparsity * 87)


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_no_removed_weight_is_larger_than_a_kept_one(scope):
    model = small_network()
    masks = magnitude_masks(model, 0.6, scope)
    weights = {name: np.abs(p.data) for name, p in model.named_parameters() if name in masks}
    together = {"all": ("0.weight", "4.weight")} if scope == "global" else {name: (name,) for name in masks}
    for names in together.values():
        kept = np.concatenate([weights[name][masks[name]] for name in names])
        removed = np.concatenate([weights[name][~masks[name]] for name in names])
        assert removed.max() <= kept.min()


def test_negative_weights_count_by_their_magnitude():
    layer = nn.Linear(4, 1, rng=0)
    layer.weight.data = np.float32([[-4, 1, -2, 3]])
    assert magnitude_masks(layer, 0.5)["weight"].tolist() == [[True, False, False, True]]


def test_global_scope_prunes_the_layer_of_small_weights_harder():
    model = nn.Sequential(nn.Linear(10, 10, rng=0), nn.Linear(10, 10, rng=1))
    model[0].weight.data = model[0].weight.data * 0.01
    whole, layer = magnitude_masks(model, 0.49, "global"), magnitude_masks(model, 0.49, "layer")
    assert (~whole["0.weight"]).sum() > 95 and (~layer["0.weight"]).sum() == 49
    assert (~whole["0.weight"]).sum() + (~whole["1.weight"]).sum() == 98


def test_rates_per_layer_keep_8_9_and_26_percent_of_lenet_300_100():
    masks = magnitude_masks(models.lenet_300_100(), {"fc1.weight": 0.92, "fc2.weight": 0.91, "fc3.weight": 0.74})
    kept = {name: int(mask.sum()) for name, mask in masks.items()}
    assert kept == {"fc1.weight": 18816, "fc2.weight": 2700, "fc3.weight": 260}     # 235200, 30000, 1000 weights


@QUICK
@given(quality=st.floats(0, 3), seed=st.integers(0, 100))
def test_std_masks_keep_what_reaches_the_threshold(quality, seed):
    layer = nn.Linear(7, 5, rng=seed)
    W = layer.weight.data.astype(np.float64).ravel().tolist()
    mean = sum(W) / 35
    std = (sum((w - mean) ** 2 for w in W) / 35) ** 0.5
    assert std_masks(layer, quality)["weight"].ravel().tolist() == [abs(w) >= quality * std for w in W]


def test_a_weight_at_the_threshold_is_kept():
    layer = nn.Linear(4, 1, rng=0)
    layer.weight.data = np.float32([[2, -2, 2, -2]])            # mean 0, deviation 2
    assert std_masks(layer, 1.0)["weight"].all() and not std_masks(layer, 1.0001)["weight"].any()


def test_one_quality_that_empties_a_layer_of_several_is_refused():
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=0))
    model[0].weight.data[...] = [[1, -1], [1, -1]]                              # std 1: none reaches 1.5
    model[1].weight.data[...] = [[8, 1], [0, -1]]                               # std 3.5
    with pytest.raises(ValueError, match=r"a quality of 1.5 for all layers would remove all 4 weights of 0.weight"):
        std_masks(model, 1.5)
    assert not std_masks(model, {"0.weight": 1.5})["0.weight"].any()            # for this layer it is what was asked for


def test_std_masks_take_a_quality_for_each_layer():
    model = small_network()
    masks = std_masks(model, {"4.weight": 100.0})
    assert list(masks) == ["4.weight"] and not masks["4.weight"].any()
    assert all(mask.all() for mask in std_masks(model, 0).values())


def test_threshold_masks_keep_what_reaches_a_share_of_the_layers_largest():
    model = small_network()
    masks = threshold_masks(model, {"0.weight": 0.25, "4.weight": 0.6})
    for name, share in {"0.weight": 0.25, "4.weight": 0.6}.items():
        w = dict(model.named_parameters())[name].data.ravel().tolist()
        largest = max(abs(v) for v in w)
        assert masks[name].ravel().tolist() == [abs(v) / largest >= share for v in w]
    assert 0 < masks.sparsity() < 1
    model[0].weight.data[:] = 0
    with pytest.raises(ValueError, match="0.weight: the largest weight has the magnitude 0.0"):
        threshold_masks(model, 0.5)
    with pytest.raises(ValueError, match="4.weight: the threshold has to be a number from 0 to 1, got 2"):
        threshold_masks(model, {"4.weight": 2})


def test_bad_requests_are_refused():
    model = small_network()
    with pytest.raises(ValueError, match="sparsity has to be a number from 0 to 1, got 1.01"):
        magnitude_masks(model, 1.01)
    with pytest.raises(ValueError, match=r"there is no \['0.bias'\] to prune, only \['0.weight', '4.weight'\]"):
        magnitude_masks(model, {"0.bias": 0.5})
    with pytest.raises(ValueError, match="4.weight: the quality has to be a number from 0 up, got -1"):
        std_masks(model, {"4.weight": -1})
    with pytest.raises(ValueError, match="Sequential has no Conv2d and no Linear layer, there is nothing to prune"):
        magnitude_masks(nn.Sequential(nn.ReLU()), 0.5)


def test_an_all_zero_layer_and_nan_weights_are_refused_with_the_layers_name():
    model = small_network()
    model[4].weight.data[:] = 0
    with pytest.raises(ValueError, match="4.weight: all 60 scores are zero"):
        magnitude_masks(model, 0.5)
    with pytest.raises(ValueError, match="4.weight: all weights are zero"):
        std_masks(model, 0.5)
    assert magnitude_masks(model, 59 / 87, "global")["4.weight"].sum() == 1     # global: the zeros go first
    model[4].weight.data[0, 0] = np.nan
    with pytest.raises(ValueError, match="4.weight: 1 of 60 scores are NaN"):
        magnitude_masks(model, 0.5)
    with pytest.raises(ValueError, match="4.weight: some weights are NaN"):
        std_masks(model, 0.5)


# ---- any criterion


def test_every_method_returns_masks_of_the_model():
    model = small_network()
    for masks in magnitude_masks(model, 0.5), std_masks(model, 0.5), criterion_masks(model, random_scores(0), 0.5):
        assert isinstance(masks, Masks) and masks.model is model


def test_in_scope_row_each_output_loses_the_same_share():
    masks = criterion_masks(small_network(), squared_scores, 0.5, scope="row")
    assert masks["0.weight"].reshape(3, 9).sum(axis=1).tolist() == [5, 5, 5]  # round(4.5) = 4 of 9 go
    assert masks["4.weight"].sum(axis=1).tolist() == [6] * 5


def test_a_criterion_gets_the_evidence_of_its_weight_and_the_lowest_scores_go():
    model = small_network()
    evidence = {"0.weight": np.float32(1), "4.weight": np.float32(-1)}
    masks = criterion_masks(model, lambda w, sign: sign * w, 0.4, evidence)
    for name, sign in evidence.items():
        w = sign * dict(model.named_parameters())[name].data
        assert w[~masks[name]].max() < w[masks[name]].min()


def test_scores_of_another_shape_are_refused_with_the_layers_name():
    with pytest.raises(ValueError, match=r"0.weight: .* gives scores of shape \(3,\), the weight has \(3, 1, 3, 3\)"):
        criterion_masks(small_network(), lambda w, evidence: w.sum(axis=(1, 2, 3)), 0.5)


def test_only_the_layers_that_have_a_sparsity_are_scored():
    seen = []
    criterion_masks(small_network(), lambda w, evidence: seen.append(w.shape) or np.abs(w), {"4.weight": 0.5})
    assert seen == [(5, 12)]


def test_a_global_threshold_that_empties_a_layer_is_refused_with_what_would_be_left_elsewhere():
    model = small_network()
    model[4].weight.data *= np.float32(1e-3)
    with pytest.raises(ValueError, match=r"a sparsity of 0.8 over all layers would remove all 60 weights of 4.weight, and "
                                         r"leave some elsewhere \(0.weight 17\): choose a lower one, or scope 'layer'"):
        magnitude_masks(model, 0.8, "global")
    assert not any(mask.any() for mask in magnitude_masks(model, 1, "global").values())   # all at once is what was asked for


def test_biases_go_if_somebody_asks_for_it():
    model = small_network()
    masks = magnitude_masks(model, {"0.weight": 0.5, "4.bias": 1}, biases=True)
    assert list(masks) == ["0.weight", "4.bias"] and not masks["4.bias"].any()
    whole = magnitude_masks(model, 0.5, "global", biases=True)
    assert [mask.shape for mask in whole.values()] == [(3, 1, 3, 3), (3,), (5, 12), (5,)]
    assert sum((~mask).sum() for mask in whole.values()) == round(0.5 * 95)
    whole.apply()
    assert (model[4].bias.data == 0).sum() == (~whole["4.bias"]).sum()
    with pytest.raises(ValueError, match="scope 'row' ranks the weights of one output, .*: it cannot go with biases=True"):
        magnitude_masks(model, 0.5, "row", biases=True)
