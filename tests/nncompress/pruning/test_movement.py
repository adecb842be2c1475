import numpy as np
import pytest

from nncompress.pruning import MovementScores, criterion_masks, movement_scores
from nnlite import functional as F
from nnlite import nn, optim


def line(weights):
    """y = w x, one output, in float64."""
    model = nn.Linear(len(weights), 1, bias=False, rng=0)
    model.weight.data = np.array([weights], np.float64)
    return model


def step(model, movement, x, target, lr=0.1):
    """One step of SGD on the squared error of one example."""
    optimizer = optim.SGD(model.parameters(), lr=lr)
    F.mse_loss(model(np.array([x])), np.array([[target]])).backward()
    optimizer.step()
    movement.after_step()
    model.weight.grad = None


def test_two_steps_by_hand():
    model = line([1.0, -2.0])
    movement = MovementScores(model)
    step(model, movement, [1.0, 1.0], 1.0)      # y = −1, g = 2(y − 1)x = (−4, −4), S = (4, −8), w = (1.4, −1.6)
    assert movement.scores["weight"].tolist() == [[4, -8]]
    np.testing.assert_allclose(model.weight.data, [[1.4, -1.6]])
    step(model, movement, [1.0, 0.0], 0.4)      # y = 1.4, g = (2, 0), S = (4 − 2.8, −8)
    np.testing.assert_allclose(movement.scores["weight"], [[1.2, -8]])


def test_what_moves_away_from_0_stays_and_what_moves_towards_0_goes_however_large_it_is():
    model = line([5.0, 0.1, -4.0, -0.2])
    movement, away = MovementScores(model), np.array([4.0, 1.0, -3.0, -1.0])
    for _ in range(20):
        optimizer = optim.SGD(model.parameters(), lr=0.02)
        F.mse_loss(model.weight, away[None], reduction="sum").backward()    # every weight moves towards `away`
        optimizer.step()
        movement.after_step()
        model.weight.grad = None
    assert (np.sign(movement.scores["weight"]) == [[-1, 1, -1, 1]]).all()
    masks = criterion_masks(model, movement_scores, 0.5, movement.evidence())
    assert masks["weight"].tolist() == [[False, True, False, True]]
    assert abs(model.weight.data[0, 0]) > 4 and abs(model.weight.data[0, 1]) < 1


def test_scores_of_all_layers_together_do_not_empty_one_of_them():
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Linear(2, 3, rng=1))
    movement = MovementScores(model)
    movement.scores = {"0.weight": -np.arange(1.0, 5).reshape(2, 2), "1.weight": np.arange(1.0, 7).reshape(3, 2)}
    with pytest.raises(ValueError, match=r"all 4 weights of 0.weight, and leave some elsewhere \(1.weight 5\): .* scope"):
        movement.prune(0.5, scope="global")
    assert all(mask.all() for mask in movement.masks.values()) and (model[0].weight.data != 0).all()


def test_a_removed_weight_keeps_its_value_and_its_score_goes_on():
    model = line([1.0, 2.0])
    movement = MovementScores(model)
    step(model, movement, [1.0, 1.0], 5.0)      # y = 3, g = (−4, −4), S = (4, 8), w = (1.4, 2.4)
    masks = movement.prune(0.5)
    assert masks["weight"].tolist() == [[False, True]] and model.weight.data[0, 0] == 0
    step(model, movement, [10.0, 1.0], 7.4)     # y = 2.4, g = −10 (10, 1): S₁ = 4 + 100·1.4, S₂ = 8 + 10·2.4
    np.testing.assert_allclose(movement.scores["weight"], [[144, 32]])
    np.testing.assert_allclose(model.weight.data, [[0, 3.4]])               # the removed one is still 0
    movement.prune(0.5)
    np.testing.assert_allclose(model.weight.data, [[1.4, 0]])               # and comes back with the value that it had
    movement.prune(0)
    np.testing.assert_allclose(model.weight.data, [[1.4, 3.4]])


def test_a_training_without_after_step_and_scores_that_say_nothing_are_refused():
    model = line([1.0, 2.0])
    movement = MovementScores(model)
    with pytest.raises(ValueError, match="weight: all 2 scores are zero"):
        movement.prune(0.5)
    model.weight.data[0, 0] = 3
    with pytest.raises(ValueError, match="MovementScores: weight has changed since the last after_step"):
        movement.prune(0.5)
