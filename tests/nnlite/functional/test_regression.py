import math

import numpy as np
import pytest
from losses import REDUCTIONS, check_reductions
from support import check_dtypes_and_layouts, check_gradients, sample

from nnlite import Tensor
from nnlite import functional as F

DISTANCES = {
    "mse_loss": (F.mse_loss, lambda x, y: (x - y) ** 2),
    "l1_loss": (F.l1_loss, lambda x, y: abs(x - y)),
    "huber_loss": (F.huber_loss, lambda x, y: (x - y) ** 2 / 2 if abs(x - y) <= 1 else abs(x - y) - 1 / 2),
    "huber_loss 0.4": (lambda x, y, reduction="mean": F.huber_loss(x, y, reduction=reduction, delta=0.4),
                       lambda x, y: (x - y) ** 2 / 2 if abs(x - y) <= 0.4 else 0.4 * (abs(x - y) - 0.2)),
}


@pytest.mark.parametrize("name", DISTANCES)
def test_a_distance_of_each_pair_is_given_by_the_formula(name):
    function, formula = DISTANCES[name]
    x, y = sample((4, 5)), sample((4, 5), 1)
    losses = np.reshape([formula(a, b) for a, b in np.broadcast(x, y)], x.shape)
    check_reductions(lambda reduction: function(x, y, reduction=reduction), losses, 20)
    assert function(x, y).data == function(x, y, reduction="mean").data


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", DISTANCES)
def test_gradients_of_distances(name, reduction):
    for shape in [(), (2, 3), (20, 30)]:
        check_gradients(lambda x, y: DISTANCES[name][0](x, y, reduction=reduction), shape, shape)
    check_dtypes_and_layouts(lambda x, y: DISTANCES[name][0](x, y, reduction=reduction), (4, 3, 5), (4, 3, 5))


def test_a_target_may_be_an_array_or_a_tensor():
    x, y = Tensor(sample((2, 3)), requires_grad=True), sample((2, 3), 1)
    assert F.mse_loss(x, y).item() == F.mse_loss(x, Tensor(y)).item()


@pytest.mark.parametrize(("name", "difference", "expected"), [("l1_loss", 0, 0), ("huber_loss", 1, 1), ("huber_loss", -1, -1)])
def test_the_gradient_at_a_kink_is_pytorchs(name, difference, expected):
    x = Tensor(np.array([float(difference)]), requires_grad=True)
    DISTANCES[name][0](x, np.zeros(1)).backward()
    assert x.grad.tolist() == [expected]


@pytest.mark.parametrize(("call", "message"), [
    (lambda: F.mse_loss(np.ones((2, 3)), np.ones(3)), r"^mse_loss: input \(2, 3\) and target \(3,\) differ in shape$"),
    (lambda: F.l1_loss(np.ones((2, 1)), np.ones(2)), r"^l1_loss: input \(2, 1\) and target \(2,\) differ in shape$"),
    (lambda: F.huber_loss(np.ones(2), np.ones(3)), r"^huber_loss: input \(2,\) and target \(3,\) differ in shape$"),
    (lambda: F.huber_loss(np.ones(2), np.ones(2), delta=0), r"^huber_loss: delta has to be above 0, got 0$"),
    (lambda: F.huber_loss(np.ones(2), np.ones(2), delta=math.nan), r"^huber_loss: delta has to be above 0, got nan$"),
    (lambda: F.mse_loss(np.ones(2), np.ones(2), reduction="avg"), r"^reduction has to be mean, sum or none, got 'avg'$"),
    (lambda: F.mse_loss(np.ones(2), np.ones(2), reduction="batchmean"),
     r"^reduction has to be mean, sum or none, got 'batchmean'$"),
    (lambda: F.mse_loss(np.ones(0), np.ones(0)), r"^mean: an array of shape \(0,\) holds no numbers$"),
])
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_target_array_is_taken_in_the_inputs_dtype():
    x = np.float32([0.5, 2])
    for y in (np.array([1, 2]), np.array([1.0, 2.0]), [1, 2]):
        loss = F.mse_loss(x, y)
        assert loss.dtype == np.float32 and loss.item() == 0.125
