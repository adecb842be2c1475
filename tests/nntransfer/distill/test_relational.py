import math
from itertools import permutations

import numpy as np
import pytest
from support import check_gradients, sample

from nnlite import Tensor
from nntransfer.distill import angle_loss, distance_loss


def huber(e):
    return 0.5 * e * e if abs(e) <= 1 else abs(e) - 0.5


def distances(t):
    N = len(t)
    lengths = {(i, j): math.dist(t[i].ravel(), t[j].ravel()) for i, j in permutations(range(N), 2)}
    mu = sum(lengths.values()) / (N * (N - 1))
    return {pair: length / mu for pair, length in lengths.items()}


def cosines(t):
    found = {}
    for i, j, k in permutations(range(len(t)), 3):
        a, b = (t[i] - t[j]).ravel(), (t[k] - t[j]).ravel()
        found[i, j, k] = sum(a * b) / math.sqrt(sum(a * a) * sum(b * b))
    return found


@pytest.mark.parametrize("loss, relations", [(distance_loss, distances), (angle_loss, cosines)])
def test_the_losses_are_their_formulas(loss, relations):
    t_s, t_t = 3 * sample((5, 4)), sample((5, 2, 3), 1)
    own, taught = relations(t_s), relations(t_t)
    expected = sum(huber(own[key] - taught[key]) for key in own) / len(own)
    assert loss(t_s, t_t).item() == pytest.approx(expected, rel=1e-12)


def test_the_angle_of_a_right_triangle_against_that_of_a_straight_line():
    right, line = np.array([[0.0, 0], [1, 0], [0, 1]]), np.array([[0.0], [1], [2]])
    # cosines at points 0, 1, 2: 0, √½, √½ against 1, −1, 1; each angle counts twice, once in either direction
    expected = (huber(1) + huber(math.sqrt(0.5) + 1) + huber(1 - math.sqrt(0.5))) / 3
    assert angle_loss(right, line).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("loss", [distance_loss, angle_loss])
def test_turning_moving_and_scaling_the_features_costs_nothing(loss):
    t = sample((6, 3))
    turn, _ = np.linalg.qr(sample((3, 3), 1))
    assert loss(5 * t @ turn + 2, t).item() == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("loss", [distance_loss, angle_loss])
def test_gradients_equal_central_differences(loss):
    t_t = sample((4, 3), 1)
    check_gradients(lambda t: loss(t, t_t), (4, 2))


@pytest.mark.parametrize("loss, fewest", [(distance_loss, 2), (angle_loss, 3)])
def test_too_few_examples_cost_nothing_and_equal_ones_give_no_nan(loss, fewest):
    few = Tensor(sample((fewest - 1, 3)), requires_grad=True)
    loss(few, sample((fewest - 1, 3), 1)).backward()
    assert (few.grad == 0).all()
    equal = Tensor(np.ones((4, 3), np.float32), requires_grad=True)
    value = loss(equal, sample((4, 3)).astype(np.float32))
    value.backward()
    assert value.dtype == np.float32 and np.isfinite(value.item()) and np.isfinite(equal.grad).all()


def test_batches_of_different_length_are_an_error():
    with pytest.raises(ValueError, match="angle_loss: the student has features of 4 examples, the teacher of 3"):
        angle_loss(np.ones((4, 2)), np.ones((3, 2)))
