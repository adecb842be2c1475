import copy

import numpy as np
import pytest

from nnlite import data, models, optim
from nnlite.train import evaluate, fit
from nntransfer import replace_head
from nntransfer.finetune import STRATEGIES, Tuning, fine_tune

LAYERS = ["conv1", "conv2", "fc1", "fc2"]


def digits(classes, n, shuffle=True):
    training, _ = data.load("digits")
    return data.DataLoader(training.of_classes(classes)[:n], 32, shuffle=shuffle, transform=data.preprocessing("digits"))


@pytest.fixture(scope="module")
def pretrained():
    """A small network that knows 0 to 4, with a new head for 5 to 9."""
    model, loader = models.cnn(in_channels=1, image_size=8, width=0.25, classes=5), digits([0, 1, 2, 3, 4], 400)
    fit(model, loader, optim.SGD(model.parameters(), lr=0.05, momentum=0.9), 10, progress=False)
    replace_head(model, 5, rng=0)
    return model


def tuned(pretrained, strategy, epochs=4, **options):
    """(model, history, the layers whose weights moved)"""
    model = copy.deepcopy(pretrained)
    history = fine_tune(model, strategy, Tuning(digits([5, 6, 7, 8, 9], 60), epochs, 0.05, progress=False, **options))
    moved = [name for name in LAYERS if weight(model, name).tobytes() != weight(pretrained, name).tobytes()]
    return model, history, moved


def weight(model, name):
    return getattr(model, name).weight.data


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_trains_all_its_epochs_and_moves_the_layers_that_it_says(pretrained, strategy):
    model, history, moved = tuned(pretrained, strategy)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert moved == (["fc2"] if strategy in ("head", "features") else LAYERS)
    assert all(p.requires_grad for p in model.parameters())
    assert model.state_dict().keys() == pretrained.state_dict().keys()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_learns_and_repeats_bit_for_bit(pretrained, strategy):
    first, second = (tuned(pretrained, strategy, epochs=12)[0] for _ in range(2))
    assert first.conv1.weight.data.tobytes() == second.conv1.weight.data.tobytes()
    assert first.fc2.weight.data.tobytes() == second.fc2.weight.data.tobytes()
    assert evaluate(first, digits([5, 6, 7, 8, 9], 600, shuffle=False))["accuracy"] > 0.6  # chance is 0.2


def distance(model, pretrained):
    return sum(np.linalg.norm(weight(model, name) - weight(pretrained, name)) for name in LAYERS[:3])


def test_a_stronger_pull_stays_nearer_to_the_pretrained_weights(pretrained):
    ways = [distance(tuned(pretrained, "l2sp", epochs=8, alpha=alpha)[0], pretrained) for alpha in (0.0, 1.0, 5.0)]
    assert 0 < ways[2] < ways[1] < ways[0]
    assert ways[0] == pytest.approx(distance(tuned(pretrained, "all", epochs=8)[0], pretrained), rel=0.05)


def test_lora_changes_each_weight_by_a_matrix_of_its_rank(pretrained):
    model = tuned(pretrained, "lora", rank=2)[0]
    change = model.fc1.weight.data - pretrained.fc1.weight.data
    sizes = np.linalg.svd(change, compute_uv=False)
    assert sizes[1] > 1e-5 * sizes[0] and (sizes[2:] < 1e-5 * sizes[0]).all()


def test_the_body_stays_while_the_head_is_probed(pretrained):
    model, history, moved = tuned(pretrained, "lp-ft", epochs=1)
    assert moved == LAYERS and len(history) == 1  # half of 1 epoch is none
    probe, rates = [], []

    def watched(params, loader, recipe):
        optimizer = optim.SGD(params, lr=recipe.lr)
        probe.append(sum(p.requires_grad for p in optimizer.parameters()))
        rates.append(recipe.epochs)
        return optimizer, None

    tuned(pretrained, "lp-ft", epochs=5, make_training=watched)
    assert (probe, rates) == ([2, 8], [2, 3])


def test_rates_are_those_of_the_paper(pretrained):
    rates = []

    def watched(params, loader, recipe):
        optimizer = optim.SGD(params, lr=recipe.lr)
        rates.extend(group["lr"] for group in optimizer.param_groups)
        return optimizer, None

    tuned(pretrained, "rates", epochs=1, make_training=watched)
    assert rates == pytest.approx([0.05 / 2.6**3, 0.05 / 2.6**2, 0.05 / 2.6, 0.05])


def test_an_unknown_strategy_is_refused_with_those_that_there_are(pretrained):
    with pytest.raises(ValueError, match="fine_tune: there is no strategy 'best', only head, features, all"):
        fine_tune(pretrained, "best", None)
