import numpy as np
import pytest

from nncompress.pruning.criteria import random_scores
from nncompress.pruning.masks import Masks
from nncompress.pruning.rounds import prune_in_rounds, prune_remaining
from nnlite import nn


def small_network():
    return nn.Sequential(nn.Linear(10, 5, rng=0), nn.ReLU(), nn.Linear(5, 4, rng=1))


def stay(masks):
    """A training that changes nothing."""
    return [{"kept": masks.count}]


def test_each_round_removes_its_fraction_of_what_is_left():
    rounds = prune_in_rounds(small_network(), stay, rounds=4, fraction={"0.weight": 0.2, "2.weight": 0.1})
    counts = [[int(mask.sum()) for mask in each.masks.values()] for each in rounds]
    # 50 and 20 at first; then 10, 8, round(6.4), round(5.2) go from the one, 2, 2, 2, 1 from the other.
    assert counts == [[40, 18], [32, 16], [26, 14], [21, 13]]
    assert [(each.number, each.kept, each.history) for each in rounds] == [
        (number, sum(count), [{"kept": sum(count)}]) for number, count in enumerate(counts, 1)]


@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("criterion", [random_scores(0), lambda w, evidence: -np.abs(w) - 1])
def test_what_is_removed_stays_removed_whatever_the_scores_are(scope, criterion):
    rounds = prune_in_rounds(small_network(), stay, rounds=3, fraction=0.3, criterion=criterion, scope=scope)
    for before, after in zip(rounds, rounds[1:], strict=False):
        assert all((before.masks[name] | ~after.masks[name]).all() for name in after.masks)
        assert after.kept < before.kept


def test_in_scope_global_the_lowest_of_all_remaining_go():
    model = small_network()
    masks = prune_remaining(prune_remaining(Masks(model, {}), 0.5, scope="global"), 0.2, scope="global")
    w = np.concatenate([np.abs(model[0].weight.data).ravel(), np.abs(model[2].weight.data).ravel()])
    kept = np.concatenate([mask.ravel() for mask in masks.values()])
    assert kept.sum() == 28                                            # 70, 35, 28
    assert w[kept].min() > w[~kept].max()


def test_a_round_judges_the_weights_after_the_training_before_it():
    model = small_network()

    def turn_around(masks):
        w = model[0].weight
        w.data = np.where(masks["0.weight"], 1 / np.where(w.data == 0, 1, w.data), 0).astype(np.float32)

    first = np.abs(model[0].weight.data).ravel()
    order = np.argsort(first)                                          # of the untrained weights
    rounds = prune_in_rounds(model, turn_around, rounds=2, fraction={"0.weight": 0.2})
    assert sorted(np.flatnonzero(~rounds[0].masks["0.weight"].ravel())) == sorted(order[:10])
    assert sorted(np.flatnonzero(~rounds[1].masks["0.weight"].ravel())) == sorted([*order[:10], *order[-8:]])


def test_evidence_is_gathered_anew_in_each_round():
    model, seen = small_network(), []

    def gather():
        seen.append(len(seen))
        return {"0.weight": seen[-1], "2.weight": seen[-1]}

    prune_in_rounds(model, stay, rounds=2, fraction=0.1, criterion=lambda w, e: np.abs(w) + e, evidence=gather)
    assert seen == [0, 1]


def test_a_training_that_brings_weights_back_does_not_win():
    model = small_network()

    def careless(masks):
        model[0].weight.data = np.ones((5, 10), np.float32)

    rounds = prune_in_rounds(model, careless, rounds=1, fraction=0.5)
    np.testing.assert_array_equal(model[0].weight.data != 0, rounds[0].masks["0.weight"])


def test_earlier_masks_are_gone_on_with():
    model = small_network()
    first = prune_in_rounds(model, stay, rounds=2, fraction=0.2)
    again = prune_in_rounds(model, stay, rounds=1, fraction=0.2, masks=first[-1].masks)
    whole = prune_in_rounds(small_network(), stay, rounds=3, fraction=0.2)
    for name, mask in again[-1].masks.items():
        np.testing.assert_array_equal(mask, whole[-1].masks[name])


def test_bad_requests_are_refused():
    model = small_network()
    with pytest.raises(ValueError, match="prune_in_rounds: rounds has to be a whole number from 1 up, got 0"):
        prune_in_rounds(model, stay, rounds=0, fraction=0.2)
    with pytest.raises(ValueError, match="0.weight: the fraction to remove has to be a number from 0 to 1, got 1.2"):
        prune_remaining(Masks(model, {}), 1.2)
    with pytest.raises(ValueError, match="0.weight would lose all of its 50 remaining weights"):
        prune_remaining(Masks(model, {}), 1.0)
    with pytest.raises(ValueError, match="'global' takes one for all; got scope 'global' with {'0.weight': 0.2}"):
        prune_remaining(Masks(model, {}), {"0.weight": 0.2}, scope="global")
    with pytest.raises(ValueError, match=r"there is no \['1.weight'\] to prune"):
        prune_remaining(Masks(model, {}), {"1.weight": 0.2})


def test_a_global_fraction_that_empties_a_layer_is_refused_with_its_name():
    model = small_network()
    model[2].weight.data = model[2].weight.data * 1e-6
    with pytest.raises(ValueError, match="2.weight would lose all of its 20 remaining weights"):
        prune_remaining(Masks(model, {}), 0.5, scope="global")
