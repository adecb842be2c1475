import numpy as np
import pytest

from nnlite import models, nn, optim
from nnlite.train import fit
from nntransfer.fusion import StochasticWeightAverage


def walk(weights, **options):
    """The average after each of the weights."""
    layer = nn.Linear(1, 1, bias=False)
    average = StochasticWeightAverage(layer, **options)
    means = []
    for w in weights:
        layer.weight.data = np.float32([[w]])
        average.update()
        means.append(average.model.weight.data.item())
    return means


def test_swa_is_the_plain_mean_of_every_second_step_from_the_second_on():
    means = walk([9, 1, 99, 3, 77, 8], start=2, every=2)
    assert means[1:] == [1, 1, 2, 2, 4]


def test_swa_of_every_step_is_the_mean_of_all():
    weights = np.random.default_rng(0).standard_normal(50)
    np.testing.assert_allclose(walk(weights)[-1], weights.mean(), rtol=1e-4)


def test_fit_calls_it_after_each_step_and_the_training_is_the_same():
    def trained(average):
        model = models.mlp(in_features=4, hidden=3, classes=2)
        running = StochasticWeightAverage(model)
        batches = [(np.ones((2, 4), np.float32), np.array([0, 1])), (-np.ones((2, 4), np.float32), np.array([1, 1]))]
        fit(model, batches, optim.SGD(model.parameters(), lr=0.1), 3, after_step=running.update if average else None,
            progress=False)
        return model, running

    alone, _ = trained(average=False)
    model, running = trained(average=True)
    assert running.steps == 6 and not running.model.training
    for name, array in alone.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name], array)
        assert running.model.state_dict()[name].dtype == np.float32


def test_counters_are_copied():
    model = nn.BatchNorm1d(1, momentum=None)
    average = StochasticWeightAverage(model)
    model(np.float32([[0], [1]]))
    average.update()
    assert average.model.num_batches_tracked.data == 1


def test_options_out_of_range_are_refused():
    with pytest.raises(ValueError, match="start and every are steps from 1 up, got start=0, every=1"):
        StochasticWeightAverage(nn.ReLU(), start=0)
