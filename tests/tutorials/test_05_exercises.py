"""Each exercise of lesson 05 can be solved, and its test notices a wrong solution."""

import copy

import numpy as np
import pytest
from lessons import cells_run

from nncompress import pruning
from nnlite import data, optim, train


@pytest.fixture(scope="module")
def lesson():
    return cells_run("05_pruning")


def keep_highest(scores, sparsity):
    order = np.argsort(scores.ravel(), kind="stable")
    mask = np.ones(scores.size, bool)
    mask[order[: round(sparsity * scores.size)]] = False
    return mask.reshape(scores.shape)


def prune_in_steps(model, steps, forget=False):
    model, found = copy.deepcopy(model), []
    digits, prepare = data.load("digits")[0], data.preprocessing("digits")
    for sparsity in steps:
        found.append(pruning.magnitude_masks(model, sparsity))
        found[-1].apply()
        loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=0, transform=prepare)
        train.fit(model, loader, optim.SGD(model.parameters(), lr=0.02, momentum=0.9), epochs=1, progress=False,
                  after_step=None if forget else found[-1].apply)
    return model, found


def remove_and_repair(model, keep, repair=True):
    test, prepare = data.load("digits")[1], data.preprocessing("digits")
    images, _ = next(iter(data.DataLoader(test, batch_size=360, transform=prepare)))
    small = copy.deepcopy(model)
    gone = np.setdiff1d(np.arange(300), keep)
    h = np.maximum(images.reshape(360, 64) @ model.fc1.weight.data.T + model.fc1.bias.data, 0)
    pruning.shrink_to(small, pruning.dependency_groups(model, images[:1]), {"fc1": keep})
    if repair:
        small.fc2.bias.data = small.fc2.bias.data + model.fc2.weight.data[:, gone] @ h.mean(axis=0)[gone]
    return small


@pytest.mark.parametrize("test, right, wrong", [
    ("test_keep_highest", keep_highest, lambda scores, sparsity: keep_highest(scores[::-1], sparsity)[::-1]),
    ("test_prune_in_steps", prune_in_steps, lambda model, steps: prune_in_steps(model, steps, forget=True)),
    ("test_remove_and_repair", remove_and_repair, lambda model, keep: remove_and_repair(model, keep, repair=False)),
])
def test_the_exercises_of_05_can_be_solved(lesson, test, right, wrong):
    lesson[test](right)
    with pytest.raises(AssertionError):
        lesson[test](wrong)
