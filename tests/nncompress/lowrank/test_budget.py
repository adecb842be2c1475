import numpy as np
import pytest

import nnlite
from nncompress.lowrank import factorize, ranks_for_budget, ranks_for_energy
from nnlite import models

EXAMPLE = np.zeros((1, 1, 28, 28), np.float32)


def weights(model):
    return sum(parameter.size for parameter in model.parameters() if parameter.ndim > 1)


def test_at_full_energy_nothing_saves_and_at_none_every_layer_has_rank_one():
    model = models.lenet_5()
    assert ranks_for_energy(model, 1.0) == {}
    assert ranks_for_energy(model, 0.0) == {"conv2": (1, 1), "fc1": 1, "fc2": 1, "conv1": (1, 1)}
    assert ranks_for_energy(model, 0.0, conv="spatial")["conv2"] == 1


@pytest.mark.parametrize("conv", ["tucker", "spatial"])
@pytest.mark.parametrize("unit", ["parameters", "macs"])
def test_the_factored_model_costs_what_the_budget_allows_and_hardly_less(unit, conv):
    model = models.lenet_5(width=0.5)
    whole = weights(model) if unit == "parameters" else nnlite.summary(model, EXAMPLE).macs
    budget = 0.5 * whole
    ranks = ranks_for_budget(model, EXAMPLE, budget, unit, conv)
    factorize(model, ranks)
    cost = weights(model) if unit == "parameters" else nnlite.summary(model, EXAMPLE).macs
    assert 0.85 * budget <= cost <= budget


def test_a_budget_for_the_whole_model_changes_nothing_and_one_for_less_than_rank_one_is_refused():
    model = models.lenet_300_100()
    assert ranks_for_budget(model, EXAMPLE, 266_200) == {}
    with pytest.raises(ValueError, match="rank 1 in every layer the model still costs 1,594 parameters, the budget is 1,000"):
        ranks_for_budget(model, EXAMPLE, 1000)


def test_unknown_units_and_forms_are_refused():
    model = models.lenet_300_100()
    with pytest.raises(ValueError, match="the unit is 'parameters' or 'macs', got 'bytes'"):
        ranks_for_budget(model, EXAMPLE, 1000, "bytes")
    with pytest.raises(ValueError, match="the form of convolutions is 'tucker' or 'spatial', got 'cp'"):
        ranks_for_energy(model, 0.5, "cp")
