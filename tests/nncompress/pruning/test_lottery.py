import numpy as np
import pytest

from nncompress.pruning.lottery import find_tickets, shuffled_masks, train_from
from nncompress.pruning.masks import Masks
from nnlite import data, nn, optim
from nnlite.train import fit

QUARTERS = {"0.weight": 0.2, "2.weight": 0.1}


def small_network(seed=0):
    return nn.Sequential(nn.Linear(6, 8, rng=seed), nn.ReLU(), nn.Linear(8, 3, rng=seed + 100))


def training(model, steps=3):
    """A short training that is the same each time it is called; history gets the weights that it began with."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 6)).astype(np.float32), rng.integers(0, 3, 32)

    def train(masks):
        start = model.state_dict()
        fit(model, [(x, y)], optim.Adam(model.parameters(), lr=0.05), steps, after_step=masks.apply, progress=False)
        return [start]

    return train


def test_each_round_begins_with_the_first_weights_under_the_masks_so_far():
    model = small_network()
    start = model.state_dict()
    rounds = find_tickets(model, training(model), rounds=3, fraction=QUARTERS)
    assert [(each.number, each.kept) for each in rounds] == [(0, 72), (1, 38 + 22), (2, 30 + 20), (3, 24 + 18)]
    for each in rounds:
        (began,) = each.history
        for name, array in start.items():
            np.testing.assert_array_equal(began[name], np.where(each.masks.get(name, True), array, 0))


def test_the_trained_weights_are_ranked_not_the_first_ones():
    model = small_network()
    rounds = find_tickets(model, training(model, 40), rounds=1, fraction=0.5)
    twin = small_network()
    training(twin, 40)(Masks(twin, {}))
    trained, start = np.abs(twin[0].weight.data), np.abs(small_network()[0].weight.data)
    mask = rounds[1].masks["0.weight"]
    assert trained[mask].min() >= trained[~mask].max()
    assert start[mask].min() < start[~mask].max()


def test_training_before_the_call_is_rewinding_to_that_step():
    model = small_network()
    training(model, 2)(Masks(model, {}))
    later = model.state_dict()
    rounds = find_tickets(model, training(model), rounds=1)
    assert (later["0.weight"] != small_network()[0].weight.data).all()
    np.testing.assert_array_equal(rounds[1].history[0]["0.bias"], later["0.bias"])


def test_the_same_calls_give_the_same_bits():
    ends = []
    for _ in range(2):
        model = small_network()
        find_tickets(model, training(model), rounds=2, fraction=QUARTERS)
        ends.append(model.state_dict())
    for name, array in ends[0].items():
        np.testing.assert_array_equal(array, ends[1][name])


def test_statistics_of_batch_norm_go_back_too():
    model = nn.Sequential(nn.Linear(6, 8, rng=0), nn.BatchNorm1d(8), nn.Linear(8, 3, rng=1))
    rounds = find_tickets(model, training(model), rounds=1)
    assert not rounds[1].history[0]["1.running_mean"].any() and model.state_dict()["1.running_mean"].any()


def test_the_control_trains_other_weights_under_the_tickets_masks():
    model = small_network()
    masks = find_tickets(model, training(model), rounds=2)[-1].masks
    other = small_network(5).state_dict()
    (began,) = train_from(masks, other, training(model))
    for name, mask in masks.items():
        np.testing.assert_array_equal(began[name], np.where(mask, other[name], 0))
        np.testing.assert_array_equal(model.state_dict()[name] != 0, mask)
    with pytest.raises(ValueError, match="load_state_dict: missing"):
        train_from(masks, nn.Linear(6, 8, rng=0).state_dict(), training(model))


def test_shuffled_masks_keep_each_layers_count_and_nothing_else():
    model = small_network()
    masks = find_tickets(model, training(model), rounds=3)[-1].masks
    random = shuffled_masks(masks, 0)
    assert {name: mask.sum() for name, mask in random.items()} == {name: mask.sum() for name, mask in masks.items()}
    assert any((random[name] != masks[name]).any() for name in masks) and random.model is model
    for name, mask in shuffled_masks(masks, 0).items():
        np.testing.assert_array_equal(mask, random[name])


@pytest.mark.slow
def test_on_digits_a_ticket_of_an_eighth_of_the_weights_beats_its_structure_with_other_weights():
    digits, test = data.load("digits")
    x, t = data.prepare(digits, "digits"), data.prepare(test, "digits")
    wins = 0
    for seed in range(3):
        def network(seed):
            return nn.Sequential(nn.Flatten(), nn.Linear(64, 100, rng=seed), nn.ReLU(), nn.Linear(100, 10, rng=seed + 50))

        model = network(seed)

        def train(masks, model=model):
            loader = data.DataLoader(data.Dataset(x, digits.labels, 10), 60, shuffle=True, seed=1)
            fit(model, loader, optim.Adam(model.parameters(), lr=1.2e-3), 4, after_step=masks.apply, progress=False)
            return [int((model(t).data.argmax(axis=1) != test.labels).sum())]

        rounds = find_tickets(model, train, rounds=9)
        control = train_from(rounds[-1].masks, network(seed + 10).state_dict(), train)
        wins += rounds[-1].history[0] < control[0]
    assert wins == 3
