import numpy as np
import pytest

from nnlite import models, nn
from nntransfer.fusion import average_weights


def numbers(*weights):
    """A Linear(1, 1) of each weight."""
    layers = [nn.Linear(1, 1, bias=False) for _ in weights]
    for layer, w in zip(layers, weights, strict=True):
        layer.weight.data = np.float32([[w]])
    return layers


def test_the_mean_by_hand_with_equal_shares_and_with_others():
    assert average_weights(numbers(1, 2, 6)).weight.data == 3
    assert average_weights(numbers(1, 2, 6), [1, 0, 3]).weight.data == 4.75


def test_the_sum_is_rounded_once():
    assert average_weights(numbers(1e8, 1, -1e8)).weight.data == np.float32(1 / 3)


def test_one_model_gives_a_copy_that_infers_and_shares_nothing():
    model = models.cnn(1, 8, width=0.25)
    copy = average_weights([model])
    assert not copy.training and model.training and copy.architecture == model.architecture
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(copy.state_dict()[name], array)
        assert copy.state_dict()[name].dtype == np.float32
    copy.fc1.weight.data[:] = 0
    assert model.fc1.weight.data.any()


def test_batch_norm_gets_the_statistics_of_the_mean():
    first, second = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1)), nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    for model, w in ((first, 1), (second, -1)):
        model[0].weight.data, model[0].bias.data = np.float32([[w]]), np.float32([3])
        model[1].running_mean.data = np.float32([3 + w])
    mean = average_weights([first, second], loader=[(np.float32([[0], [2]]),)])
    np.testing.assert_array_equal(mean[1].running_mean.data, [3])
    np.testing.assert_array_equal(mean[1].running_var.data, [0])   # 0·x + 3 is constant; the mean of both variances is 1
    with pytest.raises(ValueError, match="average_weights: the running statistics of 1 do not belong to the new weights"):
        average_weights([first, second])


@pytest.mark.parametrize("shares", [[1], [0, 0], [2, -1], [1, np.nan], [1, np.inf]])
def test_shares_that_do_not_fit_are_refused(shares):
    with pytest.raises(ValueError, match=r"shares has to be 2 numbers from 0 up, not all 0, got \["):
        average_weights(numbers(1, 2), shares)


def test_unlike_models_are_refused():
    with pytest.raises(ValueError, match="average_weights: models 0 and 1 are not alike: fc1: Linear"):
        average_weights([models.mlp(hidden=3), models.mlp(hidden=4)])
