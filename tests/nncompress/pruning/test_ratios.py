import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnlite
from nncompress.pruning.layer_curves import Curves
from nncompress.pruning.ratios import layer_costs, sparsities_for_budget, tolerated_sparsity
from nnlite import models

QUICK = settings(deadline=None, max_examples=30)
CURVES = Curves(np.array([0.5, 0.9]), {"a": np.array([0.9, 0.5]), "b": np.array([1.0, 0.9])}, 1.0)
SIZES = {"a": 100, "b": 1000}


def test_the_costs_of_all_weights_are_the_models_macs_and_bytes():
    model, example = models.cnn(1, 8), np.zeros((2, 1, 8, 8), np.float32)
    sizes = {name: p.size for name, p in model.named_parameters() if name.endswith("weight")}
    macs = layer_costs(model, example, "macs")
    assert sum(macs[name] * size for name, size in sizes.items()) == nnlite.summary(model, example).macs
    assert layer_costs(model, example, "parameters") == dict.fromkeys(sizes, 1.0)
    assert set(layer_costs(model, example, "bytes", bits=11).values()) == {11 / 8}
    with pytest.raises(ValueError, match="the unit is 'parameters', 'macs' or 'bytes' with bits above 0, got 'bytes' and 0"):
        layer_costs(model, example, "bytes", bits=0)


def test_between_the_points_a_curve_is_linear():
    found = [tolerated_sparsity([0.5, 0.9], [0.1, 0.5], delta) for delta in (0, 0.05, 0.1, 0.2, 0.5, 1)]
    assert found == pytest.approx([0, 0.25, 0.5, 0.6, 0.9, 0.9])
    with pytest.raises(ValueError, match="the drop has to be 0 or more, got -1"):
        tolerated_sparsity([0.5], [0.1], -1)


def test_a_curve_that_recovers_does_not_count_beyond_its_first_fall():
    assert tolerated_sparsity([0.2, 0.4, 0.6, 0.8], [0.2, 0.0, 0.1, 0.9], 0.1) == 0.1
    assert tolerated_sparsity([0.2, 0.4], [-0.1, 0.1], 0.0) == pytest.approx(0.3)     # better than whole at 0.2


def test_the_sparsities_are_those_of_the_drop_at_which_the_budget_is_reached():
    # δ = 0.1: a at 0.5 keeps 50, b at 0.9 keeps 100.
    assert sparsities_for_budget(CURVES, {"a": 1, "b": 1}, SIZES, 150) == pytest.approx({"a": 0.5, "b": 0.9}, abs=1e-3)
    # δ = 0.05: a at 0.25 keeps 75, b at 0.7 keeps 300.
    assert sparsities_for_budget(CURVES, {"a": 1, "b": 1}, SIZES, 375) == pytest.approx({"a": 0.25, "b": 0.7}, abs=0.005)


def test_a_layer_whose_weights_cost_more_is_pruned_harder():
    equal = sparsities_for_budget(CURVES, {"a": 1, "b": 1}, SIZES, 400)
    costly = sparsities_for_budget(CURVES, {"a": 9, "b": 1}, SIZES, 400)
    assert costly["a"] > equal["a"] + 0.1


@QUICK
@given(budget=st.floats(110, 2000), cost=st.floats(0.5, 4))
def test_what_is_kept_fits_the_budget_and_little_less_would_not(budget, cost):
    costs = {"a": cost, "b": 1}
    if budget < cost * 10 + 100:
        with pytest.raises(ValueError, match="at the largest measured sparsity 0.9 the layers still cost"):
            sparsities_for_budget(CURVES, costs, SIZES, budget)
        return
    found = sparsities_for_budget(CURVES, costs, SIZES, budget)
    spent = sum(costs[name] * (SIZES[name] - round(s * SIZES[name])) for name, s in found.items())
    whole = sum(costs[name] * SIZES[name] * (0.5 if name == "b" else 1) for name in SIZES)  # δ = 0: half of b costs nothing
    assert spent <= budget and spent >= min(budget, whole) - 2 * (cost + 1)


def test_a_model_may_stand_for_the_sizes_and_what_is_missing_is_named():
    model = models.mlp(16, 8)
    curves = Curves(np.array([0.5]), {"fc1.weight": np.array([1.0]), "fc2.weight": np.array([1.0])}, 1.0)
    found = sparsities_for_budget(curves, {"fc1.weight": 1, "fc2.weight": 1}, model, 104)
    assert found == {"fc1.weight": 0.5, "fc2.weight": 0.5}
    with pytest.raises(ValueError, match=r"\['fc2.weight'\] has a curve, but no cost or no size"):
        sparsities_for_budget(curves, {"fc1.weight": 1}, model, 104)
